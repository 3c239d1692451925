#include "storage-service/rpc/convert.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/config.h"
#include "common/errors.h"
#include "common/grpc_status.h"

namespace restante::rpc {

absl::Status InvalidRequest(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST, message);
}

absl::StatusOr<uint32_t> Limit(absl::string_view field, uint32_t value, uint32_t otherwise,
                               uint32_t most) {
  if (value > most) {
    return InvalidRequest(absl::StrCat(field, ": ", value, " is more than ", most));
  }
  return value == 0 ? otherwise : value;
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t seconds = absl::ToUnixSeconds(time);
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return timestamp;
}

store::ClientInfo FromProto(const v1::ClientInfo& client) {
  return {.remote_address = client.remote_address(),
          .protocol = client.protocol(),
          .tls = client.tls(),
          .request_id = client.request_id()};
}

store::Credential FromProto(const v1::Credential& credential) {
  if (credential.credential_case() == v1::Credential::kCryptHash) {
    return store::CryptHash{credential.crypt_hash()};
  }
  return store::Password{credential.password()};
}

store::NewAccount FromProto(const v1::CreateAccountRequest& request) {
  return {.address = request.address(),
          .credential = FromProto(request.credential()),
          .quota_octets = request.quota_octets(),
          .quota_messages = request.quota_messages()};
}

store::NewAccount FromProto(const v1::ImportEntry& entry) {
  return {.address = entry.address(),
          .credential = FromProto(entry.credential()),
          .quota_octets = entry.quota_octets(),
          .quota_messages = entry.quota_messages()};
}

namespace {

absl::StatusOr<std::optional<absl::Duration>> DurationOf(
    absl::string_view field, bool has, const google::protobuf::Duration& duration) {
  std::optional<absl::Duration> value;
  if (!has) return value;
  // Valid by itself; how long it may be is the store's to say.
  constexpr int64_t kMostSeconds = 315'576'000'000;
  if (duration.seconds() < 0 || duration.seconds() > kMostSeconds || duration.nanos() < 0 ||
      duration.nanos() > 999'999'999) {
    return InvalidRequest(absl::StrCat("pop3_policy.", field, ": must not be negative"));
  }
  value = restante::FromProto(duration);
  return value;
}

// False: there is no such field.
bool Name(absl::string_view field, bool all, store::Pop3PolicyChange* change) {
  const std::pair<absl::string_view, bool*> fields[] = {
      {"deletion", &change->deletion},
      {"move_to", &change->move_to},
      {"expire_retrieved", &change->expire_retrieved},
      {"expire_arrived", &change->expire_arrived},
      {"login_delay", &change->login_delay}};
  bool found = false;
  for (const auto& [name, wanted] : fields) {
    if (!all && name != field) continue;
    *wanted = found = true;
  }
  return found;
}

}  // namespace

absl::StatusOr<store::Pop3Policy> FromProto(const v1::Pop3Policy& policy) {
  store::Pop3Policy out;
  switch (policy.deletion()) {
    case v1::Pop3Policy::DELETION_UNSPECIFIED:
      break;
    case v1::Pop3Policy::DELETION_EXPUNGE:
      out.deletion = store::Pop3Policy::Deletion::kExpunge;
      break;
    case v1::Pop3Policy::DELETION_HIDE:
      out.deletion = store::Pop3Policy::Deletion::kHide;
      break;
    case v1::Pop3Policy::DELETION_MOVE:
      out.deletion = store::Pop3Policy::Deletion::kMove;
      break;
    default:
      return InvalidRequest(absl::StrCat("pop3_policy.deletion: this service doesn't know ",
                                         static_cast<int>(policy.deletion())));
  }
  out.move_to = policy.move_to();
  const auto retrieved =
      DurationOf("expire_retrieved", policy.has_expire_retrieved(), policy.expire_retrieved());
  if (!retrieved.ok()) return retrieved.status();
  const auto arrived =
      DurationOf("expire_arrived", policy.has_expire_arrived(), policy.expire_arrived());
  if (!arrived.ok()) return arrived.status();
  const auto delay = DurationOf("login_delay", policy.has_login_delay(), policy.login_delay());
  if (!delay.ok()) return delay.status();
  out.expire_retrieved = *retrieved;
  out.expire_arrived = *arrived;
  out.login_delay = *delay;
  return out;
}

void ToProto(const store::Pop3Policy& policy, v1::Pop3Policy* out) {
  out->set_deletion(static_cast<v1::Pop3Policy::Deletion>(policy.deletion));
  out->set_move_to(policy.move_to);
  if (policy.expire_retrieved) {
    *out->mutable_expire_retrieved() = restante::ToProto(*policy.expire_retrieved);
  }
  if (policy.expire_arrived) {
    *out->mutable_expire_arrived() = restante::ToProto(*policy.expire_arrived);
  }
  if (policy.login_delay) {
    *out->mutable_login_delay() = restante::ToProto(*policy.login_delay);
  }
}

absl::StatusOr<store::Pop3PolicyChange> ChangeOf(const v1::SetDomainPolicyRequest& request) {
  store::Pop3PolicyChange change;
  for (const std::string& field : request.update_mask().paths()) {
    if (!Name(field, false, &change)) {
      return InvalidRequest(absl::StrCat("update_mask: a policy has no field \"", field, "\""));
    }
  }
  if (request.update_mask().paths().empty()) Name("", true, &change);
  absl::StatusOr<store::Pop3Policy> policy = FromProto(request.policy());
  if (!policy.ok()) return policy.status();
  change.to = *std::move(policy);
  return change;
}

void ToProto(const store::DomainPolicy& policy, v1::DomainPolicy* out) {
  out->set_domain(policy.domain);
  ToProto(policy.policy, out->mutable_policy());
}

void ToProto(const store::DomainPolicies& policies, v1::ListDomainPoliciesResponse* out) {
  for (const store::DomainPolicy& policy : policies.domains) {
    ToProto(policy, out->add_domains());
  }
  ToProto(policies.service_policy, out->mutable_service_policy());
}

absl::StatusOr<store::AccountChange> ChangeOf(const v1::UpdateAccountRequest& request) {
  constexpr absl::string_view kPolicy = "pop3_policy";
  store::AccountChange change;
  for (const std::string& path : request.update_mask().paths()) {
    const absl::string_view view = path;
    if (path == "disabled") {
      change.disabled = request.account().disabled();
      continue;
    }
    if (path == "pop3_disabled") {
      change.pop3_disabled = request.account().pop3_disabled();
      continue;
    }
    if (path == "imap_disabled") {
      change.imap_disabled = request.account().imap_disabled();
      continue;
    }
    if (path == "quota_octets") {
      change.quota_octets = request.account().quota_octets();
      continue;
    }
    if (path == "filing_rules") {
      change.filing_rules.emplace();
      if (!request.account().has_filing_rules()) continue;
      absl::StatusOr<store::FilingRules> rules = FromProto(request.account().filing_rules());
      if (!rules.ok()) return rules.status();
      change.filing_rules->emplace(*std::move(rules));
      continue;
    }
    if (NameQuota(path, "quota", request.account().quota(), &change.quota)) continue;
    absl::string_view field = view;
    const bool all = view == kPolicy;
    if (all || absl::ConsumePrefix(&field, "pop3_policy.")) {
      if (!change.pop3_policy) change.pop3_policy.emplace();
      if (Name(field, all, &*change.pop3_policy)) continue;
    }
    return InvalidRequest(
        absl::StrCat("update_mask: \"", path,
                     "\" can't be changed; \"disabled\", \"pop3_disabled\", "
                     "\"imap_disabled\", \"quota_octets\", \"filing_rules\", \"quota\", "
                     "\"pop3_policy\" and fields of these two can"));
  }
  if (request.update_mask().paths().empty()) {
    return InvalidRequest("update_mask: names no field to change");
  }
  if (change.pop3_policy) {
    absl::StatusOr<store::Pop3Policy> policy = FromProto(request.account().pop3_policy());
    if (!policy.ok()) return policy.status();
    change.pop3_policy->to = *std::move(policy);
  }
  return change;
}

void ToProto(const store::AccountInfo& account, v1::Account* out) {
  out->set_account_id(account.id.ToHex());
  out->set_address(account.address);
  out->set_disabled(account.disabled);
  out->set_quota_octets(account.quota_octets);
  out->set_used_octets(account.used_octets);
  out->set_message_count(account.message_count);
  if (!account.quota.empty()) ToProto(account.quota, out->mutable_quota());
  if (!account.effective_quota.empty()) {
    ToProto(account.effective_quota, out->mutable_effective_quota());
  }
  out->set_pop3_disabled(account.pop3_disabled);
  out->set_imap_disabled(account.imap_disabled);
  *out->mutable_created() = ToTimestamp(account.created);
  if (!account.pop3_policy.empty()) ToProto(account.pop3_policy, out->mutable_pop3_policy());
  ToProto(account.effective_pop3_policy, out->mutable_effective_pop3_policy());
  if (account.filing_rules) ToProto(*account.filing_rules, out->mutable_filing_rules());
  if (!account.effective_filing_rules.empty()) {
    ToProto(account.effective_filing_rules, out->mutable_effective_filing_rules());
  }
}

void ToProto(const store::MailboxStatus& status, v1::MailboxStatus* out) {
  out->set_mailbox_id(status.id.ToHex());
  out->set_name(status.name);
  out->set_uidvalidity(status.uidvalidity);
  out->set_uid_next(status.uid_next);
  out->set_highest_modseq(status.highest_modseq);
  out->set_message_count(status.message_count);
  out->set_octets(status.octets);
  out->set_unseen_count(status.unseen_count);
  out->set_deleted_count(status.deleted_count);
  out->set_recent_count(status.recent_count);
  for (const std::string& use : status.special_use) out->add_special_use(use);
  out->set_subscribed(status.subscribed);
}

void ToProto(store::MessageRow row, v1::MessageRow* out) {
  out->set_uid(row.uid);
  out->set_modseq(row.modseq);
  out->set_guid(row.guid.ToHex());
  out->set_uidl(std::move(row.uidl));
  out->set_octets(row.octets);
  out->set_header_octets(row.header_octets);
  *out->mutable_internal_date() = ToTimestamp(row.internal_date);
  *out->mutable_save_date() = ToTimestamp(row.save_date);
  for (std::string& flag : row.flags) out->add_flags(std::move(flag));
  out->set_has_dot_line(row.has_dot_line);
  out->set_downgraded_octets(row.downgraded_octets);
  out->set_hidden_from_pop3(row.hidden_from_pop3);
  if (row.hidden > absl::InfinitePast()) *out->mutable_hidden() = ToTimestamp(row.hidden);
}

absl::StatusOr<std::vector<store::ReadPart>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::ReadPart>& parts) {
  constexpr int kMostParts = 1024;
  if (parts.empty() || parts.size() > kMostParts) {
    return InvalidRequest(
        absl::StrCat("parts: ", parts.size(), " of them; 1 to ", kMostParts, " are taken"));
  }
  std::vector<store::ReadPart> out;
  out.reserve(parts.size());
  for (const v1::ReadPart& part : parts) {
    store::ReadPart& read = out.emplace_back();
    read.uid = part.uid();
    if (part.has_top()) {
      read.part = store::TopPart{.body_lines = part.top().body_lines()};
    } else if (part.has_range()) {
      read.part =
          store::RangePart{.offset = part.range().offset(), .length = part.range().length()};
    }
  }
  return out;
}

void ToProto(store::ReadPiece piece, v1::ReadPiece* out) {
  out->set_part(piece.part);
  out->set_data(std::move(piece.data));
  out->set_last(piece.last);
  if (!piece.error.ok()) *out->mutable_error() = ToRpcStatus(piece.error);
}

absl::StatusOr<store::SessionOptions> FromProto(const v1::SessionOptions& options) {
  constexpr absl::Duration kLongestWait = absl::Seconds(60);
  const absl::Duration wait = restante::FromProto(options.lock_wait());
  if (wait < absl::ZeroDuration() || wait > kLongestWait) {
    return InvalidRequest(absl::StrCat("options.lock_wait: ", absl::FormatDuration(wait),
                                       " is out of range: 0s to ",
                                       absl::FormatDuration(kLongestWait)));
  }
  return store::SessionOptions{
      .utf8 = options.utf8(), .lock_wait = wait, .take_over = options.take_over()};
}

void ToProto(const store::Pop3Announcement& announcement, v1::Pop3Announcement* out) {
  if (announcement.expire_days) {
    out->set_expire_days(*announcement.expire_days);
  } else {
    out->clear_expire_days();
  }
  out->set_login_delay_seconds(announcement.login_delay_seconds);
  out->set_expire_differs(announcement.expire_differs);
  out->set_login_delay_differs(announcement.login_delay_differs);
}

void ToProto(store::ExpungedPage page, v1::ListExpungedResponse* out) {
  for (store::ExpungedMessage& message : page.messages) {
    v1::ExpungedMessage* added = out->add_messages();
    ToProto(std::move(message.row), added->mutable_row());
    *added->mutable_expunged() = ToTimestamp(message.expunged);
  }
  out->set_end(page.end);
}

void ToProto(std::vector<store::UndeletedMessage> messages, v1::UndeleteMessagesResponse* out) {
  for (store::UndeletedMessage& message : messages) {
    v1::UndeletedMessage* added = out->add_messages();
    added->set_old_uid(message.old_uid);
    added->set_new_uid(message.new_uid);
    added->set_uidl(std::move(message.uidl));
  }
}

namespace {

void AddRows(std::vector<store::MaildropRow> rows,
             google::protobuf::RepeatedPtrField<v1::MaildropRow>* out) {
  out->Reserve(static_cast<int>(rows.size()));
  for (store::MaildropRow& row : rows) {
    v1::MaildropRow* added = out->Add();
    added->set_uid(row.uid);
    added->set_octets(row.octets);
    added->set_uidl(std::move(row.uidl));
    added->set_has_dot_line(row.has_dot_line);
  }
}

}  // namespace

void ToProto(store::OpenedMaildrop opened, v1::MaildropSession* session,
             google::protobuf::RepeatedPtrField<v1::MaildropRow>* rows) {
  session->set_session_token(std::move(opened.session_token));
  session->set_fencing_token(opened.fencing_token);
  session->set_address(std::move(opened.address));
  session->set_uidvalidity(opened.uidvalidity);
  session->set_uid_next(opened.uid_next);
  session->set_highest_modseq(opened.highest_modseq);
  session->set_message_count(opened.message_count);
  session->set_octets(opened.octets);
  if (opened.lease > absl::ZeroDuration()) {
    *session->mutable_lease() = restante::ToProto(opened.lease);
  }
  ToProto(opened.announcement, session->mutable_announcement());
  session->set_remembers_retrieval(opened.remembers_retrieval);
  AddRows(std::move(opened.rows), rows);
}

void ToProto(store::MaildropRowPage page, v1::RowsResponse* out) {
  AddRows(std::move(page.rows), out->mutable_rows());
  out->set_end(page.end);
}

std::vector<store::UidRange> FromProto(
    const google::protobuf::RepeatedPtrField<v1::UidRange>& ranges) {
  std::vector<store::UidRange> out;
  out.reserve(ranges.size());
  for (const v1::UidRange& range : ranges) out.push_back({range.first(), range.last()});
  return out;
}

std::vector<std::string> FromProto(google::protobuf::RepeatedPtrField<std::string> strings) {
  return {std::make_move_iterator(strings.begin()), std::make_move_iterator(strings.end())};
}

namespace {

store::MessageProperties PropertiesFromProto(v1::MessageProperties properties) {
  store::MessageProperties out;
  out.uidl = std::move(*properties.mutable_uidl());
  out.flags = FromProto(std::move(*properties.mutable_flags()));
  if (properties.has_internal_date()) {
    out.internal_date = absl::FromUnixSeconds(properties.internal_date().seconds()) +
                        absl::Nanoseconds(properties.internal_date().nanos());
  }
  return out;
}

}  // namespace

store::Envelope FromProto(v1::Envelope envelope) {
  return {.sender = std::move(*envelope.mutable_sender()),
          .recipients = FromProto(std::move(*envelope.mutable_recipients())),
          .smtputf8 = envelope.smtputf8(),
          .declared_octets = envelope.declared_octets(),
          .delivery_id = std::move(*envelope.mutable_delivery_id()),
          .client = FromProto(envelope.client()),
          .properties = PropertiesFromProto(std::move(*envelope.mutable_properties()))};
}

void ToProto(const std::vector<store::RecipientResult>& results, v1::DeliverResponse* out) {
  for (const store::RecipientResult& result : results) {
    v1::RecipientResult* added = out->add_results();
    *added->mutable_status() = ToRpcStatus(result.status);
    if (!result.status.ok()) continue;
    added->set_mailbox_id(result.mailbox.ToHex());
    added->set_uidvalidity(result.uidvalidity);
    added->set_uid(result.uid);
    added->set_guid(result.guid.ToHex());
    added->set_uidl(result.uidl);
    added->set_uidl_replaced(result.uidl_replaced);
    added->set_mailbox(result.mailbox_name);
  }
}

void ToProto(const std::vector<store::RecipientCheck>& checks,
             v1::CheckRecipientsResponse* out) {
  for (const store::RecipientCheck& check : checks) {
    *out->add_statuses() = ToRpcStatus(check.status);
  }
}

void ToProto(store::VerifyFinding finding, v1::VerifyFinding* out) {
  out->set_severity(finding.is_error ? v1::VerifyFinding::SEVERITY_ERROR
                                     : v1::VerifyFinding::SEVERITY_NOTE);
  out->set_where(std::move(finding.where));
  out->set_message(std::move(finding.message));
  out->set_repaired(finding.repaired);
}

void ToProto(const store::VerifySummary& summary, v1::VerifySummary* out) {
  out->set_accounts(summary.accounts);
  out->set_mailboxes(summary.mailboxes);
  out->set_messages(summary.messages);
  out->set_octets(summary.octets);
  out->set_bodies(summary.bodies);
  out->set_errors(summary.errors);
  out->set_notes(summary.notes);
  out->set_repaired(summary.repaired);
}

void ToProto(const engine::BackupInfo& backup, v1::Backup* out) {
  out->set_backup_id(backup.id);
  *out->mutable_taken() = ToTimestamp(backup.taken);
  out->set_octets(backup.octets);
  out->set_files(backup.files);
}

}  // namespace restante::rpc
