// Logins that wait for a maildrop that another session holds, in the order in which
// they came; those whose time is up and that may take the maildrop over ("due") go
// before the others. Bounded. Knows nothing of who holds what: SessionTable does.
//
// Not thread-safe; SessionTable's mutex guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/store/maildrops.h"
#include "storage-service/store/types.h"

namespace restante::store {

// A maildrop's lock, given to a new session.
struct LockGrant {
  uint64_t fencing = 0;
  // It was taken from a session that may not know yet.
  bool taken_over = false;
};

class LockQueue {
 public:
  static constexpr size_t kMostWaiters = 4096;
  static constexpr size_t kMostForOneMaildrop = 16;

  struct Waiter {
    MailboxId mailbox;
    LeaseId lease = kUnaryLease;
    absl::Time until;
    bool take_over = false;
    bool due = false;
    std::shared_ptr<const PendingLogin> pending;
    bool cancelled() const { return pending != nullptr && pending->cancelled(); }
    Done<absl::StatusOr<LockGrant>> done;
  };

  bool HasRoom(const MailboxId& mailbox) const;
  // Behind those that have the same right: the due, or the others.
  void Add(Waiter waiter);

  bool FirstIsDue(const MailboxId& mailbox) const;
  std::optional<Waiter> TakeFirst(const MailboxId& mailbox);
  std::vector<Waiter> TakeThoseOf(LeaseId lease);
  std::vector<Waiter> TakeCancelled();
  // Those that aren't due, and whose time is up.
  std::vector<Waiter> TakeOverdue(absl::Time now);
  std::vector<Waiter> TakeAll();

  // When TakeOverdue has something to take; InfiniteFuture: never.
  absl::Time next() const;
  size_t size() const { return size_; }

 private:
  template <typename Wanted>
  std::vector<Waiter> TakeIf(Wanted wanted);

  absl::flat_hash_map<MailboxId, std::deque<Waiter>> queues_;
  size_t size_ = 0;
};

}  // namespace restante::store
