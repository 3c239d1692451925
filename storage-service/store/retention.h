// Expunges messages whose time is up by their account's policy: so long after POP3
// first retrieved them, or after they came into the INBOX. Works through the accounts
// whose policy says so, a few at a turn, again and again; nothing of it happens in a
// session, and a session's list stays what it was.
//
// What is due is found without reading a mailbox's rows: those that came first have
// the lowest UIDs, and those that were retrieved are indexed by that time. A mailbox
// in which nothing is due isn't brought into memory.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/async_mutex.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/pop3_policy.h"
#include "storage-service/store/store.h"

namespace restante::store {

class Retention {
 public:
  // All pointers must outlive this. `expunged` is told of each mailbox that has
  // something to be reclaimed.
  Retention(engine::Engine* engine, MailboxTable* mailboxes, Directory* directory,
            const Clock* clock, absl::Duration interval,
            std::function<void(MailboxId)> expunged);
  // Not while a turn is under way; see Stop.
  ~Retention() = default;
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  // A whole round. The number of messages expunged.
  Task<absl::StatusOr<uint64_t>> Run();

  // A turn by itself, if a round is under way or due, and no turn is.
  void RunInBackground();

  // What it has done so far. For operators.
  std::map<std::string, double> Stats() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Lets no turn begin any more, and waits for the one under way to end soon.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Whether the round has more to do. `failure`: the last of an account whose mail
  // couldn't be looked through; it doesn't keep the others'.
  Task<absl::StatusOr<bool>> Turn(uint64_t* expunged, absl::Status* failure);
  Task<absl::Status> ExpireAccount(AccountId account, uint64_t* expunged);
  Task<absl::Status> ExpireMailbox(MailboxId mailbox, Pop3Policy policy, uint64_t* expunged);
  // Messages expunged; fewer than a batch: nothing more is due.
  Task<absl::StatusOr<uint64_t>> ExpireBatch(std::shared_ptr<Mailbox> mailbox,
                                             Pop3Policy policy);
  void NoteTurn(uint64_t expunged, bool failed) ABSL_LOCKS_EXCLUDED(mutex_);
  bool Begin() ABSL_LOCKS_EXCLUDED(mutex_);
  void End() ABSL_LOCKS_EXCLUDED(mutex_);
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  engine::Engine* const engine_;
  MailboxTable* const mailboxes_;
  Directory* const directory_;
  const Clock* const clock_;
  const absl::Duration interval_;
  const std::function<void(MailboxId)> expunged_;

  AsyncMutex turn_;
  // Only the turn under way's.
  bool in_round_ = false;
  bool all_accounts_ = false;  // of this round; else those with a policy of their own
  AccountId done_to_;

  std::atomic<bool> stopping_{false};
  mutable absl::Mutex mutex_;
  struct Counters {
    uint64_t turns = 0;
    uint64_t failed_turns = 0;
    uint64_t messages = 0;
    absl::Time last = absl::UnixEpoch();
  };
  Counters counters_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_round_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool round_under_way_ ABSL_GUARDED_BY(mutex_) = false;
  bool in_background_ ABSL_GUARDED_BY(mutex_) = false;
  int working_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restante::store
