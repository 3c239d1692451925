// Bringing back what was expunged, for as long as the grace period keeps its bodies, and
// what was hidden from POP3, for as long as it is there.
//
// A message comes back as a new row: under a new UID, with a new MODSEQ and the time of
// its return as its save date, so that policies count from there; with the GUID, the
// UIDL, the internal date, the flags and the body that it had. What remains of the old
// row tells followers of changes that the old UID has vanished. A hidden message takes
// the same way: a session that can't see it has no place for it under its old UID.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/bodies.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailboxes.h"
#include "storage-service/store/quota_claim.h"

namespace restante::store {

inline constexpr size_t kMostUndeletions = 10'000;

// What was expunged later than `oldest` and behind `after`, in the order of its
// expunging. With uid 0, `after` stands for all that has its MODSEQ.
Task<absl::StatusOr<ExpungedPage>> ListExpungedRows(engine::Engine* engine,
                                                    std::shared_ptr<Mailbox> mailbox,
                                                    ModseqAndUid after, size_t limit,
                                                    absl::Time oldest);

//
// Brings back the messages that had these UIDs, in one commit, all or none; they keep
// their order. Tells them in the order of `uids`.
// INVALID_REQUEST: none, too many, or one twice; NO_SUCH_MESSAGE: one is neither hidden
// nor was it expunged later than `oldest`, or is back already; OVER_QUOTA. After STORE_FAILURE
// it is open whether all or none is back; a repetition tells.
Task<absl::StatusOr<std::vector<UndeletedMessage>>> UndeleteRows(
    engine::Engine* engine, Bodies* bodies, QuotaClaim quota, std::shared_ptr<Mailbox> mailbox,
    std::vector<uint32_t> uids, absl::Time now, absl::Time oldest);

}  // namespace restante::store
