// Aliases, and where an address leads: what deliveries, lookups and RCPT of LMTP all
// ask, in this one place.
//
// An address is, in this order: an account's or an alias; the same without its
// +detail; and, if its domain has a catch-all, an alias "@domain" that counts for
// every address of the domain that is nothing else. An alias leads to all of its
// targets: accounts, and other aliases with all that they lead to; a target's own
// +detail is passed over, and no catch-all counts for it. What leads back to itself,
// over more than kMostAliasSteps aliases or to more than kMostAliasTargets targets in
// all isn't delivered to (BAD_ALIAS), and a change that would make its alias so is
// refused; one further up that grows too long by it stays undelivered until that is
// mended. Targets whose account was deleted are passed over while there is another.
//
// Every method may be called from any thread. Errors carry a reason of errors.proto.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"

namespace restante::store {

inline constexpr size_t kMostAliasSteps = 8;
inline constexpr size_t kMostAliasTargets = 1000;

struct AliasTargetInfo {
  std::string address;  // as it is now: an account may have been renamed since
  bool missing = false;
};

struct AliasInfo {
  std::string address;  // in normal form
  std::vector<AliasTargetInfo> targets;
};

struct AliasPage {
  std::vector<AliasInfo> aliases;
  std::string next_page_token;  // empty: the last page
};

class Aliases {
 public:
  virtual ~Aliases() = default;

  // Adds targets to an alias, and makes it if there is none; those that it has
  // already count once. ACCOUNT_EXISTS: the address is an account's. BAD_ADDRESS.
  // NO_SUCH_ACCOUNT: a target is neither an account nor an alias; the message names
  // it. BAD_ALIAS: a loop, or too much, as above.
  virtual Task<absl::StatusOr<AliasInfo>> AddAlias(std::string address,
                                                   std::vector<std::string> targets) = 0;

  // Takes targets away, and with the last one the alias; none given: the alias as a
  // whole. NO_SUCH_ALIAS: there is none, or it has no such target.
  virtual Task<absl::StatusOr<AliasInfo>> RemoveAlias(std::string address,
                                                      std::vector<std::string> targets) = 0;

  // One alias. NO_SUCH_ALIAS.
  virtual Task<absl::StatusOr<AliasInfo>> GetAlias(std::string address) = 0;
  // A page of all; the order is fixed and says nothing.
  virtual Task<absl::StatusOr<AliasPage>> ListAliases(std::string page_token,
                                                      size_t page_size) = 0;
};

}  // namespace restante::store
