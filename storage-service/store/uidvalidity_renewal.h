// New UIDVALIDITYs for all mailboxes of a store that may have lost commits: a UID that one
// of them had given out may be given out again, and clients that keep UIDs must not take
// the one message for the other. UIDLs don't depend on it and stay.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"

namespace restante::store {

class MailboxTable;

// While the store isn't used otherwise. After a failure some mailboxes have new ones; to
// begin again does no harm.
Task<absl::Status> RenewUidvalidities(engine::Engine* engine, MailboxTable* mailboxes,
                                      absl::Time now);

}  // namespace restante::store
