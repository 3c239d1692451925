// A session's list: the rows below its uid_next that were neither expunged nor hidden
// at its MODSEQ. The list is logical, no snapshot is held: it is put together from the
// live rows and those expunged since, however the mailbox has changed meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/maildrops.h"
#include "storage-service/store/session_token.h"

namespace restante::store {

// Rows of the list with a UID greater than after_uid, at most `limit` (1 or more).
// Completes at once when the mailbox's first rows are cached and answer it.
Task<absl::StatusOr<MaildropRowPage>> ListSession(engine::Engine* engine,
                                                  std::shared_ptr<Mailbox> mailbox,
                                                  SessionFacts facts, uint32_t after_uid,
                                                  size_t limit);

// One row of the list. Nothing: no such message in it, or its body was reclaimed.
Task<absl::StatusOr<std::optional<StoredRow>>> FindInSession(engine::Engine* engine,
                                                             std::shared_ptr<Mailbox> mailbox,
                                                             SessionFacts facts, uint32_t uid);

}  // namespace restante::store
