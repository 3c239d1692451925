// Moving messages to another mailbox of the account: they are copied there, durably,
// before they are expunged here. A crash in between leaves them in both, and is found
// out with the next move: what that mailbox has from a move that wasn't finished isn't
// copied again, and the move counts as finished when all of it is gone here.
//
// A copy keeps GUID and dates and shares the body; it gets a UIDL of its own, since
// the mailbox may get the same message once more.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/types.h"

namespace restante::store {

// What deletions work with; all of it outlives them.
struct DeletionTools {
  engine::Engine* engine = nullptr;
  MailboxTable* mailboxes = nullptr;
  Directory* directory = nullptr;
};

// Ascending by UID.
using MovingRows = std::vector<std::pair<uint32_t, StoredRow>>;

// Copies rows of `from`, whose changes() the caller holds, into the mailbox `to` of
// its account, which is made if need be. How many moves are finished then: it belongs
// into the head of `from` with the commit that expunges the rows.
Task<absl::StatusOr<uint64_t>> CopyToMove(DeletionTools tools, std::shared_ptr<Mailbox> from,
                                          AccountId account, std::string to, MovingRows rows,
                                          absl::Time now);

}  // namespace restante::store
