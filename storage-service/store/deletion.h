// What QUIT does: a session's deletions, all or none of them, in one commit that
// moves each row aside or hides it, as the session's policy says, and can be told
// again without harm. Rows that are to be moved to another mailbox are copied there
// before (move.h).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/move.h"
#include "storage-service/store/session_token.h"
#include "storage-service/store/types.h"

namespace restante::store {

// Deletes the messages of the session's list that `uids` names: ascending runs,
// whose first and last UIDs are in the list; UIDs in between that aren't are
// passed over, and so is what somebody else has expunged meanwhile. The number
// of messages deleted, durably; the same again for a session that has committed.
//
// INVALID_REQUEST: a run that isn't of the list; LEASE_LOST: a newer session has
// committed. Nothing was deleted then, nor after any other error but
// STORE_FAILURE, which leaves it open whether all or none is gone.
//
// The commit holds about 300 octets for each message in memory, and the engine's
// batch another 100: it must be one commit, since it is all or none. A million
// deletions, the most that one session may make, are within 400 MB for a second.
Task<absl::StatusOr<uint64_t>> DeleteFromSession(DeletionTools tools,
                                                 std::shared_ptr<Mailbox> mailbox,
                                                 SessionFacts facts, std::vector<UidRange> uids,
                                                 absl::Time now);

}  // namespace restante::store
