// The map from address to account: what decides which accounts exist. It is cut
// into 256 slices, shards of their own, by a hash of the address.
//
// Addresses here are in normal form (addresses.h). A slice also remembers which
// accounts' addresses were removed and aren't cleared away yet, in the same
// commit that removes the address.
//
// Every method may be called from any thread. Errors, besides those named: the
// engine's, CORRUPT, and OVERLOADED when a slice changes too fast.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/recipient_changes.h"
#include "storage-service/store/types.h"

namespace restante::store {

class AddressMap {
 public:
  static constexpr size_t kSlices = 256;

  using Mapping = std::pair<std::string, AccountId>;

  struct Page {
    std::vector<Mapping> mappings;  // of one slice, by address
    bool end = false;               // the slice has no more
  };

  // An account whose address is gone and whose mail may still be there.
  struct Deletion {
    AccountId account;
    std::string address;  // as created
    uint8_t slice = 0;
  };

  // `changes` hears of every address that leads elsewhere.
  AddressMap(engine::Engine* engine, RecipientChanges* changes)
      : engine_(engine), changes_(changes) {}

  static uint8_t SliceOf(absl::string_view address);
  static engine::ShardId SliceShard(uint8_t slice);

  Task<absl::StatusOr<std::optional<AccountId>>> Lookup(std::string address);

  // Whether it is an account's, or an alias (alias_map.h).
  Task<absl::StatusOr<bool>> IsTaken(std::string address);

  // All of them or none; they are of one slice. ACCOUNT_EXISTS: one is taken, or is an
  // alias; the message says which. After STORE_FAILURE the outcome is unknown.
  Task<absl::Status> Insert(std::vector<Mapping> mappings);

  // Removes the address if it is this account's, and remembers the deletion.
  // NO_SUCH_ACCOUNT: it isn't.
  Task<absl::StatusOr<Deletion>> Remove(std::string address, AccountId account,
                                        std::string address_as_created);

  // Takes an address away from an account that has another by now; with `alias`, what
  // alias_map.h has for it takes its place. One that isn't this account's is no error.
  Task<absl::Status> Release(std::string address, AccountId account,
                             std::optional<std::string> alias);

  // Forgets a deletion. One that isn't remembered is no error.
  Task<absl::Status> FinishDeletion(Deletion deletion);

  // What is remembered, in all slices.
  Task<absl::StatusOr<std::vector<Deletion>>> Deletions();

  // Mappings of a slice with a greater address than `after`.
  Task<absl::StatusOr<Page>> List(uint8_t slice, std::string after, size_t limit);

 private:
  engine::Engine* const engine_;
  RecipientChanges* const changes_;
};

}  // namespace restante::store
