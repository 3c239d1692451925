// Addresses that are being created. An import looks whether all its addresses are
// free before it makes the first account; in between nobody else may take one.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace restante::store {

// Thread-safe. Addresses are in normal form.
class Reservations {
 public:
  // Some addresses, until destroyed.
  class Hold {
   public:
    explicit Hold(Reservations* reservations) : reservations_(reservations) {}
    ~Hold() {
      absl::MutexLock lock(&reservations_->mutex_);
      for (const std::string& address : addresses_) reservations_->held_.erase(address);
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    // False: somebody holds it.
    bool Take(const std::string& address) {
      absl::MutexLock lock(&reservations_->mutex_);
      if (!reservations_->held_.insert(address).second) return false;
      addresses_.push_back(address);
      return true;
    }

   private:
    Reservations* const reservations_;
    std::vector<std::string> addresses_;
  };

  bool IsHeld(absl::string_view address) const {
    absl::MutexLock lock(&mutex_);
    return held_.contains(address);
  }

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_set<std::string> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
