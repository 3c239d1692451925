// Who holds which maildrop, and for how long: the exclusive locks, the leases that
// keep them, and their ends. Knows nothing of what a session does meanwhile.
//
// A lock is named by its fencing token: the number of the store's opening in the
// upper half, a counter in the lower, so that it grows over restarts. A session
// that is busy (opening, committing) outlives its lease until it is done.
//
// Thread-safe; never waits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/maildrops.h"
#include "storage-service/store/session_token.h"
#include "storage-service/store/store.h"

namespace restante::store {

// A session that is open.
struct Session {
  SessionFacts facts;
  std::shared_ptr<Mailbox> mailbox;
  ModseqPin pin;
};

class SessionTable {
 public:
  SessionTable(uint64_t epoch, const Clock* clock, absl::Duration grace,
               absl::Duration unary_lease);

  LeaseId BeginLease() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndLease(LeaseId lease) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes the lock of a maildrop; the new session is busy until Install or
  // Release. IN_USE; LEASE_LOST: there is no such lease (any more).
  absl::StatusOr<uint64_t> Reserve(const MailboxId& mailbox, LeaseId lease)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The same for a session of an earlier opening of the store. LEASE_LOST: also if
  // somebody holds the maildrop.
  absl::Status ReserveAgain(const MailboxId& mailbox, uint64_t fencing, LeaseId lease)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Install(std::shared_ptr<const Session> session) ABSL_LOCKS_EXCLUDED(mutex_);

  // Frees the lock, at once or as soon as the session isn't busy. Unknown: nothing.
  void Release(uint64_t fencing) ABSL_LOCKS_EXCLUDED(mutex_);

  // The session, whose last call this is. Nothing: never known, or over.
  std::shared_ptr<const Session> Find(uint64_t fencing) ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives a session to another lease. LEASE_LOST.
  absl::Status Move(uint64_t fencing, LeaseId lease) ABSL_LOCKS_EXCLUDED(mutex_);

  // A session is busy while one of these lives.
  class Busy {
   public:
    Busy(SessionTable* table, uint64_t fencing) : table_(table), fencing_(fencing) {}
    Busy(Busy&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)), fencing_(other.fencing_) {}
    Busy& operator=(Busy&&) = delete;
    ~Busy() {
      if (table_ != nullptr) table_->EndBusy(fencing_);
    }

   private:
    SessionTable* table_;
    uint64_t fencing_;
  };
  struct Kept {
    std::shared_ptr<const Session> session;
    Busy busy;
  };
  // Find, and keep the session from ending. Nothing as there.
  std::optional<Kept> FindAndKeep(uint64_t fencing) ABSL_LOCKS_EXCLUDED(mutex_);

  // The lease that a session has from now on; zero for sessions of a stream.
  absl::StatusOr<absl::Duration> Renew(uint64_t fencing) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends what has outlived its lease. When to look again; InfiniteFuture: not
  // before something else happens.
  absl::Time Expire() ABSL_LOCKS_EXCLUDED(mutex_);

  size_t sessions() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsOfThisEpoch(uint64_t fencing) const { return fencing >> 32 == epoch_; }

 private:
  struct Entry {
    MailboxId mailbox;
    LeaseId lease = kUnaryLease;
    absl::Time last_call;
    int busy = 0;
    bool released = false;  // ends when it isn't busy any more
    std::shared_ptr<const Session> session;
  };
  // What goes is destroyed after the lock is free.
  using Gone = std::vector<std::shared_ptr<const Session>>;

  absl::Status Insert(const MailboxId& mailbox, uint64_t fencing, LeaseId lease, Gone& gone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Entry* Living(uint64_t fencing, Gone& gone) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time EndOf(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(uint64_t fencing, Gone& gone) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndBusy(uint64_t fencing) ABSL_LOCKS_EXCLUDED(mutex_);

  const uint64_t epoch_;
  const Clock* const clock_;
  const absl::Duration grace_;
  const absl::Duration unary_lease_;

  mutable absl::Mutex mutex_;
  uint32_t last_counter_ ABSL_GUARDED_BY(mutex_) = 0;
  LeaseId last_lease_ ABSL_GUARDED_BY(mutex_) = 0;
  // When each lease ended; InfiniteFuture while it lasts.
  absl::flat_hash_map<LeaseId, absl::Time> leases_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<MailboxId, uint64_t> holders_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
