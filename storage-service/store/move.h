// Moving messages to another mailbox of the account: they are copied there, durably,
// before they are expunged here. A crash in between leaves them in both, and is found
// out with the next move: what that mailbox has from a move that wasn't finished isn't
// copied again, and the move counts as finished when all of it is gone here. What
// somebody has expunged there since is copied again. Each pair of mailboxes counts its
// moves for itself.
//
// A copy keeps GUID, internal date and flags and shares the body; it gets a UIDL of its
// own, since the mailbox may get the same message once more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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
#include "storage-service/store/quota_claim.h"
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

// A message's UID, and that of its copy.
struct CopiedUid {
  uint32_t uid = 0;
  uint32_t copy = 0;  // 0: not known, it was made by an older release
};

struct MoveCopies {
  std::vector<CopiedUid> copies;  // of all rows, by UID
  MailboxId to;
  uint64_t finished = 0;  // moves there

  // For the commit that expunges the rows, after all else that goes into it.
  void RecordIn(Change& change) const;
};

// Copies rows of `from`, whose changes() the caller holds, into another mailbox of its
// account, or the same.
Task<absl::StatusOr<MoveCopies>> CopyToMove(DeletionTools tools, std::shared_ptr<Mailbox> from,
                                            std::shared_ptr<Mailbox> to, MovingRows rows,
                                            absl::Time now);

// Copies rows [begin, end), which stay where they are as long as this takes, in one
// commit; `also` may add to it, and is told the UID of the first copy, which the others
// follow. OVER_QUOTA, STORE_FULL.
Task<absl::Status> CopyRows(MailboxTable* mailboxes, std::shared_ptr<Mailbox> to,
                            const MovingRows* rows, size_t begin, size_t end, QuotaClaim quota,
                            std::function<void(uint32_t first, Change& change)> also,
                            absl::Time now);

}  // namespace restante::store
