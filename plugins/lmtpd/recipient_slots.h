// How many transactions may have one recipient at once, counted over all connections, so
// that a flood of mail for one user leaves room for the mail of others.
//
// Thread-safe; a lock is held for a few dozen instructions, and none is taken without a
// limit. Recipients are kept as hashes.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"

namespace restante::lmtp {

class RecipientSlots {
 public:
  // 0: no limit.
  explicit RecipientSlots(uint32_t most) : most_(most) {}

  // The slots of one transaction, free again when this goes.
  class Hold {
   public:
    explicit Hold(RecipientSlots& slots) : slots_(slots) {}
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    // One for the recipient, unless this has one already. False: all are taken. Case and
    // `+detail` make no other recipient: they lead to the same mailbox.
    bool Take(std::string_view recipient);

   private:
    RecipientSlots& slots_;
    absl::flat_hash_set<size_t> taken_;
  };

 private:
  const uint32_t most_;
  absl::Mutex mutex_;
  absl::flat_hash_map<size_t, uint32_t> transactions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::lmtp
