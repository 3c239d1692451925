// The log of passwords that were refused: from which client's address and for which name,
// for whoever looks for somebody who tries passwords (fail2ban and the like). No more than
// so many lines a second; the next line says how many there were without one.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/store/types.h"

namespace restante::store {

class RefusedPasswords {
 public:
  static constexpr int kMostLinesPerSecond = 20;

  void Note(absl::Time now, const std::string& address, const ClientInfo& client)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  absl::Time second_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int lines_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unlogged_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restante::store
