// UIDVALIDITYs are seconds since 1970: an address that is deleted and made again
// within the same second must not get one that it has had. Remembers, for as long as
// the clock hasn't passed it, what an address that was deleted would have got next.
//
// In memory: no restart is that quick. Thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace restante::store {

class LastUidvalidities {
 public:
  // The address is being deleted; `next` is more than all of its UIDVALIDITYs.
  void Note(const std::string& address, uint32_t next, uint32_t now)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    absl::erase_if(next_, [now](const auto& entry) { return entry.second <= now; });
    uint32_t& known = next_[address];
    known = std::max(known, next);
  }

  // The least that the address may get now.
  uint32_t Least(const std::string& address, uint32_t now) const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    const auto found = next_.find(address);
    return found == next_.end() ? now : std::max(found->second, now);
  }

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, uint32_t> next_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
