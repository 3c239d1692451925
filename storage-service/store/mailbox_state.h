// One mailbox in memory, at its owner: the head that the next commit builds on,
// the head that is durable, and the commits between the two.
//
// Commits are pipelined: each is computed from the submitted head and sent on
// before the one in front of it is durable, so that all that is waiting shares an
// fsync. If one fails, those behind it fail too; the mailbox then reads its head
// again, and what comes meanwhile waits for that. Readers see only the durable
// head: no session learns of a UID that a crash could take back.
//
// Thread-safe. Doesn't know what the commits mean; see delivery.h, deletion.h.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/async_mutex.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/row_cache.h"
#include "storage-service/store/types.h"
#include "storage-service/store/usage.h"
#include "storage-service/store/watch_hub.h"

namespace restante::store {

// What a commit changes beside the head.
struct Change {
  std::vector<std::pair<std::string, std::string>> puts;
  std::vector<std::string> deletes;
  // Added just before the commit: (body, UID in this mailbox).
  std::vector<std::pair<engine::BodyId, uint32_t>> references;
  // For the row cache.
  std::vector<ListedRow> added;   // ascending, with UIDs that follow one another
  std::vector<uint32_t> removed;  // or hidden; ascending
};

struct CommitResult {
  absl::Status status;
  // The engine failed in a way that leaves open whether the commit is durable.
  bool outcome_unknown = false;
};

// Keeps expunged rows that a list of this MODSEQ may still need from being
// reclaimed, while it lives.
class ModseqPin {
 public:
  ModseqPin() = default;
  ModseqPin(std::shared_ptr<class Mailbox> mailbox, uint64_t modseq);
  ModseqPin(ModseqPin&& other) noexcept;
  ModseqPin& operator=(ModseqPin&& other) noexcept;
  ~ModseqPin();

 private:
  std::shared_ptr<class Mailbox> mailbox_;
  uint64_t modseq_ = 0;
};

class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  // Computes a commit: changes `head` from the submitted one to the next, and
  // fills `change`. An error means that nothing is to be done; the commit's
  // result then is that error. Called under the mailbox's lock: it must be quick,
  // and call nothing of the mailbox.
  using Plan = absl::AnyInvocable<absl::Status(Head& head, Change& change)>;

  // With `usages`, what the mailbox holds is reported to its account's usage and its
  // domain's; with `watches`, what has changed to those who watch.
  Mailbox(engine::Engine* engine, MailboxId id, UsageTable* usages = nullptr,
          WatchHub* watches = nullptr)
      : engine_(engine), usages_(usages), watches_(watches), id_(id) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  const MailboxId& id() const { return id_; }

  // Completes when the heads are in memory; at once if they are.
  // NO_SUCH_MAILBOX, also while the mailbox is being erased.
  Task<absl::Status> Load();

  // Loads if need be, and commits. Complete when durable.
  Task<CommitResult> Commit(Plan plan);

  // As it is on disk. Only after Load.
  Head durable() const ABSL_LOCKS_EXCLUDED(mutex_);
  // With what is under way. Only after Load.
  Head submitted() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool erased() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Reports to this usage from now on. Only after Load; the account's usage is found
  // by itself if there is one when the mailbox is loaded.
  void ReportTo(std::shared_ptr<Usage> usage) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same for that of its domain; null: for none any more.
  void ReportToDomain(std::shared_ptr<Usage> usage) ABSL_LOCKS_EXCLUDED(mutex_);

  // Held by those that read rows before they change them, until their commit is
  // complete. Deliveries don't need it: they only add rows.
  AsyncMutex& changes() { return changes_; }

  // The durable head, and a pin of its MODSEQ taken at the same moment.
  struct View {
    Head head;
    ModseqPin pin;
  };
  View OpenView() ABSL_LOCKS_EXCLUDED(mutex_);
  // Pins an older MODSEQ, of which some may be reclaimed already.
  ModseqPin Pin(uint64_t modseq) ABSL_LOCKS_EXCLUDED(mutex_);
  // Expunged rows at or below this MODSEQ are needed by no list.
  uint64_t ReclaimableModseq() const ABSL_LOCKS_EXCLUDED(mutex_);

  // A page of the list that has the rows that POP3 sees below `end_uid` as of `modseq`, if
  // memory has it.
  std::optional<MaildropRowPage> CachedPage(uint64_t modseq, uint32_t after_uid,
                                            uint32_t end_uid, size_t limit, bool utf8) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Rows read from the engine, from the first live one up to `end_uid`; kept if
  // nothing has changed since `head` was the durable one.
  void OfferRows(const Head& head, std::vector<ListedRow> rows, uint32_t end_uid)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Rows were changed in another way than Change tells; none is kept any more.
  void ForgetRows() ABSL_LOCKS_EXCLUDED(mutex_);

  // The newest session's fencing token, in this process.
  uint64_t newest_fencing() const ABSL_LOCKS_EXCLUDED(mutex_);
  void SetNewestFencing(uint64_t fencing) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class ModseqPin;

  enum class Phase { kUnloaded, kLoading, kReady, kBroken };

  // A commit between submission and completion.
  struct Pending {
    Head head;
    Change change;
    Done<CommitResult> done;
  };
  struct Outgoing {
    engine::CommitRequest request;
    std::vector<std::pair<engine::BodyId, uint32_t>> references;
  };
  // Sleeps while the mailbox is being loaded, or drains after a failure.
  struct Settling {
    Mailbox* mailbox;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> awaiting);
    void await_resume() const noexcept {}
  };

  enum class Entrance { kReady, kGone, kWait, kLoad };
  Entrance Enter() ABSL_LOCKS_EXCLUDED(mutex_);
  Task<absl::Status> ReadHead();
  // False: not ready (any more); `done` is given back.
  bool Submit(Plan& plan, Done<CommitResult>& done) ABSL_LOCKS_EXCLUDED(mutex_);
  void SendOutgoing() ABSL_LOCKS_EXCLUDED(mutex_);
  void Complete(engine::Version version, absl::StatusOr<engine::Version> result)
      ABSL_LOCKS_EXCLUDED(mutex_);
  static void ResumeAll(std::vector<std::coroutine_handle<>> sleepers);
  void Unpin(uint64_t modseq) ABSL_LOCKS_EXCLUDED(mutex_);

  void Report() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  engine::Engine* const engine_;
  UsageTable* const usages_;
  WatchHub* const watches_;
  const MailboxId id_;
  AsyncMutex changes_;

  mutable absl::Mutex mutex_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kUnloaded;
  bool erased_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Usage> usage_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Usage> domain_usage_ ABSL_GUARDED_BY(mutex_);
  Head submitted_ ABSL_GUARDED_BY(mutex_);
  engine::Version submitted_version_ ABSL_GUARDED_BY(mutex_) = 0;
  Head durable_ ABSL_GUARDED_BY(mutex_);
  // By the version that each makes.
  std::map<engine::Version, Pending> pending_ ABSL_GUARDED_BY(mutex_);
  // Commits leave in the order in which they were computed, outside the lock, by
  // whichever thread finds nobody else at it.
  std::deque<Outgoing> outgoing_ ABSL_GUARDED_BY(mutex_);
  bool sending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::coroutine_handle<>> sleepers_ ABSL_GUARDED_BY(mutex_);
  RowCache rows_ ABSL_GUARDED_BY(mutex_);
  std::multiset<uint64_t> pins_ ABSL_GUARDED_BY(mutex_);
  uint64_t newest_fencing_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restante::store
