// A mailbox's change log: what has changed since a MODSEQ, messages that vanished
// included (RFC 7162), and how old entries leave it.
//
// The log is the keys of the mailbox: `c` of live rows, each under its newest MODSEQ,
// `x` and `t` of rows that were expunged. It is trimmed of `t` rows only: what is live,
// or can still be brought back, is always in it.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/types.h"

namespace restante::store {

// A page of what has happened after a place, at most `limit` messages. A message that
// changes while pages are read may be told twice, and is never missed.
// CHANGES_TRIMMED: the log doesn't reach back to that place.
Task<absl::StatusOr<Changes>> ReadChangeLog(engine::Engine* engine,
                                            std::shared_ptr<Mailbox> mailbox, ChangePlace after,
                                            size_t limit);

// How much of what was expunged stays in the log, once its body is gone.
struct LogRetention {
  absl::Duration age = absl::Hours(24 * 30);
  uint64_t entries = 50'000;
};

// Removes some of what is older, or beyond the number; nothing that a session may need
// for its list. True: call again. Otherwise `due` is when something gets too old.
Task<absl::StatusOr<bool>> TrimChangeLog(engine::Engine* engine,
                                         std::shared_ptr<Mailbox> mailbox,
                                         LogRetention retention, absl::Time now,
                                         absl::Time* due);

}  // namespace restante::store
