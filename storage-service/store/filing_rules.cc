#include "storage-service/store/filing_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/mailbox_names.h"

namespace restante::store {
namespace {

// RFC 5322, section 2.2.
bool IsFieldName(absl::string_view name) {
  return !name.empty() && name.size() <= 76 &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
}

absl::Status CheckFilingRule(FilingRule* rule) {
  const auto bad = [](absl::string_view why) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST, why);
  };
  if (!IsFieldName(rule->field)) {
    return bad(absl::StrCat("field: \"", absl::Utf8SafeCHexEscape(rule->field.substr(0, 64)),
                            "\" is no field's name: 1 to 76 ASCII characters without spaces "
                            "and colons"));
  }
  rule->value = std::string(absl::StripAsciiWhitespace(rule->value));
  if (rule->value.size() > kMostFilingValueOctets) {
    return bad(absl::StrCat("value: ", rule->value.size(), " octets; at most ",
                            kMostFilingValueOctets));
  }
  if (std::any_of(rule->value.begin(), rule->value.end(), absl::ascii_iscntrl)) {
    return bad("value: it has control characters");
  }
  if (rule->mailbox.empty()) return bad("mailbox: it is empty");
  if (absl::StartsWith(rule->mailbox, "\\")) {
    if (!absl::EqualsIgnoreCase(rule->mailbox, kJunkMailbox)) {
      return bad(absl::StrCat("mailbox: \"", absl::Utf8SafeCHexEscape(rule->mailbox),
                              "\"; of special uses only \\Junk is for mail that comes in"));
    }
    rule->mailbox = kJunkMailbox;
    return absl::OkStatus();
  }
  rule->mailbox = CanonicalMailboxName(rule->mailbox);
  if (rule->mailbox == kInbox) return absl::OkStatus();
  const absl::Status name = CheckNewMailboxName(rule->mailbox);
  return name.ok() ? name : bad(absl::StrCat("mailbox: ", name.message()));
}

}  // namespace

absl::StatusOr<FilingRules> CheckFilingRules(FilingRules rules) {
  if (rules.size() > kMostFilingRules) {
    return MakeError(
        v1::ERROR_REASON_INVALID_REQUEST,
        absl::StrCat("filing_rules: there are ", rules.size(), "; at most ", kMostFilingRules));
  }
  for (size_t i = 0; i < rules.size(); ++i) {
    const absl::Status legal = CheckFilingRule(&rules[i]);
    if (legal.ok()) continue;
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     absl::StrCat("filing_rules: rule ", i + 1, ": ", legal.message()));
  }
  return rules;
}

void ToRecord(const FilingRules& rules, format::FilingRules* record) {
  record->Clear();
  for (const FilingRule& rule : rules) {
    format::FilingRule* added = record->add_rules();
    added->set_field(rule.field);
    added->set_value(rule.value);
    added->set_prefix(rule.prefix);
    added->set_mailbox(rule.mailbox);
  }
}

FilingRules FromRecord(const format::FilingRules& record) {
  FilingRules rules;
  for (const format::FilingRule& rule : record.rules()) {
    rules.push_back({rule.field(), rule.value(), rule.prefix(), rule.mailbox()});
  }
  return rules;
}

}  // namespace restante::store
