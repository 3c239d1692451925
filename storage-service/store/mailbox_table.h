// The mailboxes that this process works with: finds or loads a mailbox's state,
// keeps recently used ones in memory, and makes and erases mailboxes.
//
// Every method may be called from any thread. Errors: NO_SUCH_MAILBOX, and the
// engine's.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/bodies.h"
#include "storage-service/store/types.h"
#include "storage-service/store/usage.h"
#include "storage-service/store/watch_hub.h"

namespace restante::store {

class Mailbox;
struct Head;

// Without the name. Unseen, deleted and recent are 0 in a mailbox that isn't counted
// (mailbox_counters.h).
MailboxStatus StatusOf(const MailboxId& mailbox, const Head& head);

class MailboxTable {
 public:
  // At most `capacity` mailboxes that nobody uses stay in memory.
  MailboxTable(engine::Engine* engine, size_t capacity);
  ~MailboxTable();
  MailboxTable(const MailboxTable&) = delete;
  MailboxTable& operator=(const MailboxTable&) = delete;

  // Makes an empty mailbox, durably. A mailbox that is there already, with the
  // same owner, stays as it is and is no error: a retry after a crash is harmless.
  Task<absl::Status> Create(MailboxId mailbox, AccountId owner, uint32_t uidvalidity);

  // Whether Create was called for it since the opening: it may get its name any moment.
  // Known until it is forgotten.
  bool WasMade(const MailboxId& mailbox) const ABSL_LOCKS_EXCLUDED(mutex_);
  void ForgetWhatWasMade() ABSL_LOCKS_EXCLUDED(mutex_);

  // Durable figures; the name stays empty. Completes inline when cached.
  Task<absl::StatusOr<MailboxStatus>> Status(MailboxId mailbox);

  // Removes a mailbox with all its rows, references and bodies nobody else refers
  // to. Sessions that hold it end with LEASE_LOST. A mailbox that isn't there is
  // no error.
  Task<absl::Status> Erase(MailboxId mailbox);

  // The first half of Erase: the mailbox is gone for everybody, and what it holds is
  // given back by whoever calls Erase.
  Task<absl::Status> Condemn(MailboxId mailbox);

  // The loaded state, for the store's other parts. While the pointer lives, the
  // state stays in memory. Completes inline when cached.
  Task<absl::StatusOr<std::shared_ptr<Mailbox>>> Find(MailboxId mailbox);

  // The same if it is in memory already, and null otherwise; it may not be loaded yet.
  std::shared_ptr<Mailbox> FindInMemory(const MailboxId& mailbox) ABSL_LOCKS_EXCLUDED(mutex_);

  Bodies& bodies() { return bodies_; }
  UsageTable& usages() { return usages_; }
  WatchHub& watches() { return watches_; }
  size_t cached() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    std::shared_ptr<Mailbox> mailbox;
    std::list<MailboxId>::iterator age;
  };

  std::shared_ptr<Mailbox> Slot(MailboxId mailbox) ABSL_LOCKS_EXCLUDED(mutex_);
  Task<absl::Status> EraseContents(MailboxId mailbox);
  void Evict() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  engine::Engine* const engine_;
  const size_t capacity_;
  Bodies bodies_;
  UsageTable usages_;
  WatchHub watches_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<MailboxId, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::list<MailboxId> by_age_ ABSL_GUARDED_BY(mutex_);  // oldest first
  absl::flat_hash_set<MailboxId> made_ ABSL_GUARDED_BY(mutex_);
  bool remembers_made_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace restante::store
