// Filing rules as the contract has them.
#include "absl/strings/str_cat.h"
#include "storage-service/rpc/convert.h"

namespace restante::rpc {

absl::StatusOr<store::FilingRules> FromProto(const v1::FilingRules& rules) {
  store::FilingRules out;
  for (const v1::FilingRule& rule : rules.rules()) {
    store::FilingRule& added = out.emplace_back();
    added.field = rule.field();
    added.value = rule.value();
    added.mailbox = rule.mailbox();
    switch (rule.match()) {
      case v1::FilingRule::MATCH_UNSPECIFIED:
      case v1::FilingRule::MATCH_EQUALS:
        break;
      case v1::FilingRule::MATCH_PREFIX:
        added.prefix = true;
        break;
      default:
        return InvalidRequest(absl::StrCat("filing_rules: rule ", out.size(),
                                           ": match: this service doesn't know ",
                                           static_cast<int>(rule.match())));
    }
  }
  return out;
}

void ToProto(const store::FilingRules& rules, v1::FilingRules* out) {
  for (const store::FilingRule& rule : rules) {
    v1::FilingRule* added = out->add_rules();
    added->set_field(rule.field);
    added->set_match(rule.prefix ? v1::FilingRule::MATCH_PREFIX : v1::FilingRule::MATCH_EQUALS);
    added->set_value(rule.value);
    added->set_mailbox(rule.mailbox);
  }
}

void ToProto(const store::DomainFiling& filing, v1::DomainFiling* out) {
  out->set_domain(filing.domain);
  if (filing.rules) ToProto(*filing.rules, out->mutable_rules());
}

}  // namespace restante::rpc
