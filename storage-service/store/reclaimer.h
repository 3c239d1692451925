// Gives back what nobody needs any more: bodies of messages that were expunged
// long enough ago and are in no session's list, old entries of change logs, orphans
// that a crash has left, mailboxes whose erasure was cut short, old delivery ids.
//
// It works on the mailboxes it is told of; the first pass also walks through all
// of them, for what the opening before has left.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/async_mutex.h"
#include "storage-service/store/change_log.h"
#include "storage-service/store/delivery_ids.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/orphans.h"
#include "storage-service/store/pending_bodies.h"
#include "storage-service/store/store.h"

namespace restante::store {

class Reclaimer {
 public:
  using IsNamed = Orphans::IsNamed;

  Reclaimer(engine::Engine* engine, MailboxTable* mailboxes, PendingBodies* pending,
            DeliveryIds* ids, Orphans* orphans, const Clock* clock, const StoreOptions& options,
            IsNamed is_named);
  // Not while a pass is under way; see Stop.
  ~Reclaimer() = default;
  Reclaimer(const Reclaimer&) = delete;
  Reclaimer& operator=(const Reclaimer&) = delete;

  // The mailbox has expunged rows.
  void NoteExpunged(const MailboxId& mailbox) ABSL_LOCKS_EXCLUDED(mutex_);
  // The mailbox has no name any more, or is about to lose it.
  void NoteDeleted(const MailboxId& mailbox) ABSL_LOCKS_EXCLUDED(mutex_) {
    LookAgain(mailbox, absl::InfinitePast());
  }
  // The mailbox has recorded a delivery id.
  void NoteDeliveryId(const MailboxId& mailbox, absl::Time accepted)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // One pass; passes take turns. The number of bodies erased.
  Task<absl::StatusOr<uint64_t>> Run();

  // A pass by itself, unless one is under way.
  void RunInBackground();

  // What it has done so far, and what waits. For operators.
  std::map<std::string, double> Stats() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Lets no pass begin any more, and waits for the one under way to end soon.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Task<absl::StatusOr<uint64_t>> Pass();
  void NotePass(absl::Time begin, const absl::StatusOr<uint64_t>& erased)
      ABSL_LOCKS_EXCLUDED(mutex_);
  Task<absl::Status> WalkThroughMailboxes();
  // Bodies first, then the change log, in which they leave an entry each. When to look
  // into the mailbox again; InfiniteFuture: nothing is left.
  Task<absl::StatusOr<absl::Time>> ReclaimMailbox(MailboxId mailbox, uint64_t* erased);
  // True: call again; false: nothing more can go before `due`.
  Task<absl::StatusOr<bool>> ReclaimBatch(std::shared_ptr<Mailbox> mailbox, uint64_t* erased,
                                          absl::Time* due);
  void LookAgain(const MailboxId& mailbox, absl::Time due) ABSL_LOCKS_EXCLUDED(mutex_);
  Task<absl::Status> ForgetDeliveryIds(MailboxId mailbox);
  Task<absl::StatusOr<uint64_t>> LookIntoDoubtfulBodies();
  bool BeginPass() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndPass() ABSL_LOCKS_EXCLUDED(mutex_);
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  engine::Engine* const engine_;
  MailboxTable* const mailboxes_;
  PendingBodies* const pending_;
  DeliveryIds* const ids_;
  Orphans* const orphans_;
  const Clock* const clock_;
  const absl::Duration expunged_grace_;
  const LogRetention log_retention_;
  const IsNamed is_named_;

  AsyncMutex turn_;
  // Only the pass under way's.
  bool walked_ = false;
  Id128 walked_to_;

  std::atomic<bool> stopping_{false};
  mutable absl::Mutex mutex_;
  struct Counters {
    uint64_t passes = 0;
    uint64_t failed_passes = 0;
    uint64_t bodies = 0;
    uint64_t log_entries = 0;
    double seconds = 0;
    absl::Time last = absl::UnixEpoch();
  };
  Counters counters_ ABSL_GUARDED_BY(mutex_);
  int passes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool in_background_ ABSL_GUARDED_BY(mutex_) = false;
  // When something of each mailbox may be given back.
  absl::flat_hash_map<MailboxId, absl::Time> expunged_ ABSL_GUARDED_BY(mutex_);
  // The oldest delivery id that each mailbox may still have.
  absl::flat_hash_map<MailboxId, absl::Time> delivery_ids_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
