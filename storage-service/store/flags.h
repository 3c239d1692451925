// Changing the flags and keywords of messages: IMAP's STORE with UNCHANGEDSINCE
// (RFC 9051, section 6.4.6; RFC 7162, section 3.1.3). POP3 sees nothing of it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailboxes.h"

namespace restante::store {

// Changes the messages of these UIDs that there are, at most `limit` of them, in one
// commit under one new MODSEQ. A message that has its flags as they shall be keeps its
// MODSEQ. UIDs of no message are passed over.
// INVALID_REQUEST: what CheckUids and SetFlags refuse, or a message would have more
// keywords than there may be; nothing was changed then.
Task<absl::StatusOr<FlagsAnswer>> ChangeFlags(engine::Engine* engine,
                                              std::shared_ptr<Mailbox> mailbox,
                                              std::vector<UidRange> uids, FlagChange change,
                                              size_t limit);

}  // namespace restante::store
