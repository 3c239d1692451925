// Accounts in memory, by address and by id, at most so many: the longest unused
// goes first. Entries are shared and never change; an account that does is
// forgotten and read again.
//
// Reading and forgetting race: what was read before an account changed must not
// be put in after it was forgotten. Whoever reads an account therefore takes a
// ticket first, and Insert refuses if anything was forgotten since.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/types.h"

namespace restante::store {

// Thread-safe.
class AccountCache {
 public:
  using Entry = std::shared_ptr<const AccountEntry>;
  using Ticket = uint64_t;

  explicit AccountCache(size_t capacity) : capacity_(capacity) {}

  // Null: not here. Addresses are in normal form.
  Entry ByAddress(absl::string_view address);
  Entry ById(const AccountId& account);

  Ticket TakeTicket() const;
  void Insert(Ticket ticket, std::string address, Entry entry);

  // After the account has changed, before its change is answered.
  void Forget(const AccountId& account);

  size_t size() const;

 private:
  struct Cached {
    std::string address;
    Entry entry;
  };
  using ByUse = std::list<Cached>;

  void Erase(ByUse::iterator cached) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t capacity_;
  mutable absl::Mutex mutex_;
  Ticket forgotten_ ABSL_GUARDED_BY(mutex_) = 0;
  ByUse by_use_ ABSL_GUARDED_BY(mutex_);  // the most recent first
  // Keys are the strings in by_use_.
  absl::flat_hash_map<absl::string_view, ByUse::iterator> by_address_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<AccountId, ByUse::iterator> by_id_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
