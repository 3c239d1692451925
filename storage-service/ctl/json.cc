#include "storage-service/ctl/json.h"

#include "storage-service/ctl/filing_commands.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/policy_fields.h"
#include "storage-service/ctl/quota_commands.h"

namespace restante::ctl {

Json ToJson(const v1::Account& account) {
  return {
      {"account_id", account.account_id()},
      {"address", account.address()},
      {"disabled", account.disabled()},
      {"pop3_disabled", account.pop3_disabled()},
      {"imap_disabled", account.imap_disabled()},
      {"quota_octets", account.quota_octets()},
      {"quota", ToJson(account.quota())},
      {"effective_quota", ToJson(account.effective_quota())},
      {"used_octets", account.used_octets()},
      {"message_count", account.message_count()},
      {"created", FormatTime(account.created())},
      {"pop3_policy", ToJson(account.pop3_policy())},
      {"effective_pop3_policy", ToJson(account.effective_pop3_policy())},
      {"filing_rules", account.has_filing_rules() ? ToJson(account.filing_rules()) : Json()},
      {"effective_filing_rules", ToJson(account.effective_filing_rules())}};
}

Json ToJson(const v1::MailboxStatus& mailbox) {
  Json special_use = Json::array();
  for (const std::string& use : mailbox.special_use()) special_use.push_back(use);
  return {{"mailbox_id", mailbox.mailbox_id()},
          {"name", mailbox.name()},
          {"uidvalidity", mailbox.uidvalidity()},
          {"uid_next", mailbox.uid_next()},
          {"highest_modseq", mailbox.highest_modseq()},
          {"message_count", mailbox.message_count()},
          {"octets", mailbox.octets()},
          {"special_use", std::move(special_use)}};
}

Json ToJson(const v1::MessageRow& row) {
  Json flags = Json::array();
  for (const std::string& flag : row.flags()) flags.push_back(flag);
  return {{"uid", row.uid()},
          {"modseq", row.modseq()},
          {"guid", row.guid()},
          {"uidl", row.uidl()},
          {"octets", row.octets()},
          {"header_octets", row.header_octets()},
          {"internal_date", FormatTime(row.internal_date())},
          {"save_date", FormatTime(row.save_date())},
          {"flags", std::move(flags)},
          {"has_dot_line", row.has_dot_line()},
          {"downgraded_octets", row.downgraded_octets()},
          {"hidden_from_pop3", row.hidden_from_pop3()},
          {"hidden", row.has_hidden() ? Json(FormatTime(row.hidden())) : Json()}};
}

Json ToJson(const v1::VerifyFinding& finding) {
  const bool error = finding.severity() == v1::VerifyFinding::SEVERITY_ERROR;
  return {{"severity", error ? "error" : "note"},
          {"where", finding.where()},
          {"message", finding.message()},
          {"repaired", finding.repaired()}};
}

Json ToJson(const v1::VerifySummary& summary) {
  return {{"accounts", summary.accounts()}, {"mailboxes", summary.mailboxes()},
          {"messages", summary.messages()}, {"octets", summary.octets()},
          {"bodies", summary.bodies()},     {"errors", summary.errors()},
          {"notes", summary.notes()},       {"repaired", summary.repaired()}};
}

Json ToJson(const v1::Backup& backup) {
  return {{"backup_id", backup.backup_id()},
          {"taken", FormatTime(backup.taken())},
          {"octets", backup.octets()},
          {"files", backup.files()}};
}

std::string Dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace restante::ctl
