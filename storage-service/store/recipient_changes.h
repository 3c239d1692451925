// Tells who remembers where addresses lead that some lead elsewhere by now. Told is what
// the directory's maps and records change; whether a mailbox has room is not.
//
// Memory is bounded: for a listener that is slow, more than kMostAddresses become
// "everything".
//
// Thread-safe. Costs a change one atomic read while nobody listens.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/store/deliveries.h"

namespace restante::store {

class RecipientChanges {
 public:
  static constexpr size_t kMostAddresses = 256;

  // Hears of everything first: what was known before may be wrong.
  std::unique_ptr<RecipientWatch> Listen() ABSL_LOCKS_EXCLUDED(mutex_);

  // After the change is durable, or may be. The address is in normal form. Whoever waits
  // goes on, on this thread; no lock may be held.
  void Note(absl::string_view address) {
    if (listeners_.load(std::memory_order_acquire) > 0) Tell(address);
  }
  void NoteEverything() { Note(absl::string_view()); }

 private:
  class Listener;

  // Empty: everything.
  void Tell(absl::string_view address) ABSL_LOCKS_EXCLUDED(mutex_);

  std::atomic<int> listeners_{0};
  absl::Mutex mutex_;
  std::vector<std::weak_ptr<Listener>> all_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
