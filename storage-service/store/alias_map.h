// Aliases: addresses that lead to accounts, or to other aliases, instead of being an
// account's own. They are filed in the slices of the address map, each in its
// address's slice, so that an address is an account's or an alias, and never both.
//
// Addresses are in normal form (addresses.h). A domain's catch-all is the alias
// "@domain".
//
// Every method may be called from any thread. Errors, besides those named: the
// engine's, CORRUPT, and OVERLOADED when a slice changes too fast.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/recipient_changes.h"
#include "storage-service/store/types.h"

namespace restante::store {

// Under which a slice has an alias: below every account's address.
std::string AliasKey(absl::string_view address);
// What stands there for an alias of one account.
std::string EncodeAliasOf(const std::string& address, const AccountId& account);

class AliasMap {
 public:
  struct Target {
    std::string address;
    // Whose address it was when it was added: a rename changes nothing here. An
    // account that is gone is looked for by its address again.
    std::optional<AccountId> account;
  };
  struct Alias {
    std::string address;
    std::vector<Target> targets;  // in the order in which they were added
  };
  struct Page {
    std::vector<Alias> aliases;  // of one slice, by address
    bool end = false;            // the slice has no more
  };

  // `changes` hears of every change.
  AliasMap(engine::Engine* engine, RecipientChanges* changes)
      : engine_(engine), changes_(changes) {}

  Task<absl::StatusOr<std::optional<Alias>>> Find(std::string address);

  // Changes an alias; `edit` gets it without targets if there is none, and one that
  // it leaves without targets is taken away. It is called again if others change the
  // slice at the same time; an error of its ends it.
  // ACCOUNT_EXISTS: the address is an account's. After STORE_FAILURE the outcome is
  // unknown.
  using Edit = std::function<absl::Status(Alias& alias)>;
  Task<absl::StatusOr<Alias>> Change(std::string address, Edit edit);

  // Aliases of a slice with a greater address than `after`.
  Task<absl::StatusOr<Page>> List(uint8_t slice, std::string after, size_t limit);

 private:
  engine::Engine* const engine_;
  RecipientChanges* const changes_;
};

}  // namespace restante::store
