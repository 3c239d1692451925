// The counters of IMAP's STATUS in mailboxes that an older release has written: its
// heads don't have them. From the first commit on they are kept as differences; the
// first question for the status reads the mailbox once and makes them whole.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_state.h"

namespace restante::store {

// At once for a mailbox that is counted. Deliveries go on meanwhile. Only after Load.
Task<absl::Status> EnsureCounted(engine::Engine* engine, std::shared_ptr<Mailbox> mailbox);

}  // namespace restante::store
