// What POP3 has retrieved: marks for policies that keep mail for some time after its
// retrieval. A mark is set once, is no change that IMAP would see, and gets no MODSEQ.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/session_token.h"
#include "storage-service/store/types.h"

namespace restante::store {

// Marks messages of the session's list (ordered runs) that have no mark yet. Those
// that are gone meanwhile are passed over. INVALID_REQUEST: a UID isn't in the list.
Task<absl::Status> MarkRetrieved(engine::Engine* engine, std::shared_ptr<Mailbox> mailbox,
                                 SessionFacts facts, std::vector<UidRange> uids,
                                 absl::Time now);

}  // namespace restante::store
