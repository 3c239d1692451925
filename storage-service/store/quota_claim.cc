#include "storage-service/store/quota_claim.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"

namespace restante::store {

absl::Status QuotaClaim::OverQuota(const char* what, const Part& part) {
  std::vector<std::string> limits;
  if (part.limits.octets > 0) limits.push_back(absl::StrCat(part.limits.octets, " octets"));
  if (part.limits.messages > 0) {
    limits.push_back(absl::StrCat(part.limits.messages, " messages"));
  }
  return MakeError(v1::ERROR_REASON_OVER_QUOTA,
                   absl::StrCat("the message would bring ", what, part.name,
                                " over its quota of ", absl::StrJoin(limits, " and ")));
}

absl::Status QuotaClaim::Check(const Holding& more) const {
  if (account_.usage != nullptr && !account_.usage->HasRoom(account_.limits, more)) {
    return OverQuota("", account_);
  }
  if (domain_.usage != nullptr && !domain_.usage->HasRoom(domain_.limits, more)) {
    return OverQuota("the domain ", domain_);
  }
  return absl::OkStatus();
}

absl::Status QuotaClaim::Claim(const MailboxId& mailbox, const Holding& holding) const {
  if (account_.usage != nullptr && !account_.usage->Claim(account_.limits, mailbox, holding)) {
    return OverQuota("", account_);
  }
  if (domain_.usage != nullptr && !domain_.usage->Claim(domain_.limits, mailbox, holding)) {
    return OverQuota("the domain ", domain_);
  }
  return absl::OkStatus();
}

}  // namespace restante::store
