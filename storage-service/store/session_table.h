// Who holds which maildrop, and for how long: the exclusive locks, the leases that
// keep them, and their ends. Knows nothing of what a session does meanwhile.
//
// A lock is named by its fencing token: the number of the store's opening in the
// upper half, a counter in the lower, so that it grows over restarts. A session
// that is busy (opening, committing) outlives its lease until it is done.
//
// The lease of a front-end that shows life at regular times ends by itself when that
// stays away for too long. What this process slept through itself isn't taken for the
// front-ends' silence: when Expire is called late, they have that much longer.
//
// A login may wait for a lock, without a thread, and may take it over then: from
// that moment no call of the older session succeeds any more, but for a commit that
// is already under way, which is over before the lock changes hands.
//
// Thread-safe. Answers to logins come on whichever thread frees the lock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/store/lock_queue.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/maildrops.h"
#include "storage-service/store/session_token.h"
#include "storage-service/store/store.h"

namespace restante::store {

// What a session's holder is told once it is over.
absl::Status LeaseLost(absl::string_view message);
// What is told to a login whose stream is gone, or that was given up.
absl::Status StreamGone();
absl::Status LoginCancelled();

// A session that is open.
struct Session {
  SessionFacts facts;
  std::shared_ptr<Mailbox> mailbox;
  ModseqPin pin;
};

class SessionTable {
 public:
  // While a lease is watched for silence, Expire is called at least this often.
  static constexpr absl::Duration kWatchInterval = absl::Seconds(1);

  // `wake` is called when Expire has to be called earlier than its last answer said.
  SessionTable(uint64_t epoch, const Clock* clock, absl::Duration grace,
               absl::Duration unary_lease, std::function<void()> wake = nullptr);
  // No call may be under way, and nobody wait.
  ~SessionTable() = default;

  LeaseId BeginLease(Maildrops::LeaseEvents events = {}) ABSL_LOCKS_EXCLUDED(mutex_);
  // As Maildrops tells of them.
  void Heard(LeaseId lease) ABSL_LOCKS_EXCLUDED(mutex_);
  void WatchForSilence(LeaseId lease, absl::Duration heartbeat) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whoever waits for a lock on behalf of this lease gives up: LEASE_LOST.
  void EndLease(LeaseId lease) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes the lock of a maildrop; the new session is busy until Install or
  // Release. IN_USE; LEASE_LOST: there is no such lease (any more).
  absl::StatusOr<uint64_t> Reserve(const MailboxId& mailbox, LeaseId lease)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, after waiting for it if it isn't free; in the order in which logins
  // came. IN_USE at once if too many wait already. CANCELLED: `pending` was, before it
  // got the lock.
  Task<absl::StatusOr<LockGrant>> Acquire(MailboxId mailbox, LeaseId lease, absl::Duration wait,
                                          bool take_over,
                                          std::shared_ptr<const PendingLogin> pending = nullptr)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Whoever waits and was cancelled gives up now.
  void GiveUpCancelled() ABSL_LOCKS_EXCLUDED(mutex_);
  // Everybody who waits gets IN_USE now, and nobody waits any more.
  void StopWaiting() ABSL_LOCKS_EXCLUDED(mutex_);
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

  // Ends leases that were silent, what has outlived its lease, and waits whose time is up. When
  // to look again; InfiniteFuture: not before something else happens.
  absl::Time Expire() ABSL_LOCKS_EXCLUDED(mutex_);

  size_t sessions() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsOfThisEpoch(uint64_t fencing) const { return fencing >> 32 == epoch_; }

 private:
  struct Lease {
    absl::Time heard;
    // So much silence ends it.
    absl::Duration most_silence = absl::InfiniteDuration();
    absl::Time broken = absl::InfiniteFuture();
    Maildrops::LeaseEvents events;
  };
  struct Entry {
    MailboxId mailbox;
    LeaseId lease = kUnaryLease;
    absl::Time last_call;
    int busy = 0;
    bool released = false;  // ends when it isn't busy any more
    std::shared_ptr<const Session> session;
  };
  // What is left to do when the mutex is free: sessions are destroyed, and logins
  // get their answers.
  class Aftermath {
   public:
    Aftermath() = default;
    Aftermath(const Aftermath&) = delete;
    Aftermath& operator=(const Aftermath&) = delete;
    ~Aftermath();

    std::vector<std::shared_ptr<const Session>> gone;
    std::vector<std::pair<LockQueue::Waiter, absl::StatusOr<LockGrant>>> answers;
  };

  bool IsHeld(const MailboxId& mailbox, Aftermath& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A new session's fencing token; or the one given.
  uint64_t Occupy(const MailboxId& mailbox, LeaseId lease)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Occupy(const MailboxId& mailbox, LeaseId lease, uint64_t fencing)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AcquireOrWait(LockQueue::Waiter waiter, absl::Duration wait) ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsAlive(LeaseId lease) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends one that has outlived its lease; nothing then.
  Entry* Living(uint64_t fencing, Aftermath& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time EndOf(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time EndOf(const Lease& lease) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The time, after what was slept through has been allowed for.
  absl::Time Look() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether it has outlived its grace, or its silence that isn't of our making.
  bool IsOver(Lease& lease, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveUpWaits(LeaseId lease, Aftermath& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeCancelled(Aftermath& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the leases that are over; whether one is watched for silence.
  bool EndLeases(absl::Time now, Aftermath& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives the lock to whoever waits for it.
  void End(uint64_t fencing, Aftermath& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GrantNext(const MailboxId& mailbox, Aftermath& after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The holder may do no more; ends at once, or when it isn't busy any more.
  void Fence(const MailboxId& mailbox, Aftermath& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndBusy(uint64_t fencing) ABSL_LOCKS_EXCLUDED(mutex_);

  const uint64_t epoch_;
  const Clock* const clock_;
  const absl::Duration grace_;
  const absl::Duration unary_lease_;
  const std::function<void()> wake_;

  mutable absl::Mutex mutex_;
  uint32_t last_counter_ ABSL_GUARDED_BY(mutex_) = 0;
  LeaseId last_lease_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<LeaseId, Lease> leases_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<MailboxId, uint64_t> holders_ ABSL_GUARDED_BY(mutex_);
  LockQueue waiting_ ABSL_GUARDED_BY(mutex_);
  bool may_wait_ ABSL_GUARDED_BY(mutex_) = true;
  // By when Expire has to be called next, if a lease is watched.
  absl::Time watch_due_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  // Expire's last answer.
  absl::Time next_look_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
};

}  // namespace restante::store
