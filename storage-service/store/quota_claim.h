// The quotas that a commit has to keep within: the account's, and that of its domain.
// Made by Directory::QuotaOf; an empty one keeps nobody from anything.
//
// Thread-safe, as what it points to is.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "storage-service/store/quota.h"
#include "storage-service/store/types.h"
#include "storage-service/store/usage.h"

namespace restante::store {

class QuotaClaim {
 public:
  QuotaClaim() = default;

  // Null: no limit of this kind. `address` is for messages.
  void SetAccount(std::string address, QuotaLimits limits, std::shared_ptr<Usage> usage) {
    account_ = {std::move(address), limits, std::move(usage)};
  }
  void SetDomain(std::string domain, QuotaLimits limits, std::shared_ptr<Usage> usage) {
    domain_ = {std::move(domain), limits, std::move(usage)};
  }

  // Whether so much more would fit now; OVER_QUOTA says which limit it would pass.
  absl::Status Check(const Holding& more) const;

  // For the plan of a commit after which the mailbox holds so much: OVER_QUOTA, or it
  // counts from now on. Whatever becomes of the plan, the mailbox reports afterwards
  // what it really holds.
  absl::Status Claim(const MailboxId& mailbox, const Holding& holding) const;

 private:
  struct Part {
    std::string name;
    QuotaLimits limits;
    std::shared_ptr<Usage> usage;
  };
  static absl::Status OverQuota(const char* what, const Part& part);

  Part account_;
  Part domain_;
};

}  // namespace restante::store
