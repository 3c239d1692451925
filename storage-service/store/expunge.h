// Expunging chosen messages: IMAP's EXPUNGE and UID EXPUNGE (RFC 9051, sections 6.4.3
// and 6.4.9). The rows move aside, as they do when a POP3 session deletes them: a POP3
// session that has them in its list retrieves them still.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailboxes.h"

namespace restante::store {

// Expunges the messages of these UIDs, those with \Deleted alone if `only_deleted`, at
// most `limit` of them, in one commit under one new MODSEQ. UIDs of no message are
// passed over. INVALID_REQUEST: what CheckUids refuses.
Task<absl::StatusOr<ExpungeAnswer>> ExpungeRows(engine::Engine* engine,
                                                std::shared_ptr<Mailbox> mailbox,
                                                std::vector<UidRange> uids, bool only_deleted,
                                                size_t limit, absl::Time now);

}  // namespace restante::store
