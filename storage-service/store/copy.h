// Copying and moving chosen messages to another mailbox of the account: IMAP's COPY and
// MOVE (RFC 9051, sections 6.4.7 and 6.4.8), with the UIDs that UIDPLUS tells.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailboxes.h"
#include "storage-service/store/move.h"

namespace restante::store {

// What one copying takes.
inline constexpr size_t kMostCopies = 10'000;

// All of these messages that there are, in one commit of `to`, in the order of their
// UIDs. INVALID_REQUEST: also if they are more than kMostCopies. OVER_QUOTA.
Task<absl::StatusOr<CopyAnswer>> CopyMessages(DeletionTools tools, QuotaClaim quota,
                                              std::shared_ptr<Mailbox> from,
                                              std::shared_ptr<Mailbox> to,
                                              std::vector<UidRange> uids, absl::Time now);

// At most `limit` of them, copied as move.h has it, then expunged from `from` in one
// commit. After a failure messages may be in both mailboxes, and are never in none; to
// move them again copies them no second time.
Task<absl::StatusOr<CopyAnswer>> MoveMessages(DeletionTools tools,
                                              std::shared_ptr<Mailbox> from,
                                              std::shared_ptr<Mailbox> to,
                                              std::vector<UidRange> uids, size_t limit,
                                              absl::Time now);

}  // namespace restante::store
