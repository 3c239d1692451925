// Who waits for changes in which account's mailboxes. A change is told as "this mailbox
// has changed", once for however many changes until it is heard: what waits for a slow
// listener is bounded by the number of the account's mailboxes.
//
// Thread-safe. Costs a commit one atomic read while nobody listens.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"
#include "storage-service/store/news_box.h"
#include "storage-service/store/types.h"

namespace restante::store {

class WatchHub {
 public:
  struct News {
    absl::flat_hash_set<MailboxId> changed;
    bool mailboxes = false;  // one was made, renamed, deleted, or subscribed to
  };

  // Hears of one account from its beginning on.
  class Listener {
   public:
    Listener(WatchHub* hub, AccountId account);
    // Not while Next is under way.
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // All news since the last call; waits for some. CANCELLED after Stop.
    Task<absl::StatusOr<News>> Next() { return news_.Next(); }
    void Stop() { news_.Stop(); }

   private:
    friend class WatchHub;

    WatchHub* const hub_;
    const AccountId account_;
    NewsBox<News> news_;
  };

  std::shared_ptr<Listener> Listen(AccountId account) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whoever waits goes on, on this thread. No lock may be held.
  void NoteChange(const AccountId& account, const MailboxId& mailbox) {
    if (listeners_.load(std::memory_order_acquire) > 0) Tell(account, &mailbox);
  }
  void NoteMailboxes(const AccountId& account) {
    if (listeners_.load(std::memory_order_acquire) > 0) Tell(account, nullptr);
  }

  int listeners() const { return listeners_.load(std::memory_order_relaxed); }

 private:
  void Tell(const AccountId& account, const MailboxId* mailbox) ABSL_LOCKS_EXCLUDED(mutex_);

  std::atomic<int> listeners_{0};
  absl::Mutex mutex_;
  absl::flat_hash_map<AccountId, std::vector<std::weak_ptr<Listener>>> by_account_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
