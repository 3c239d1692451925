// A row that comes into a mailbox: all that the commit which adds it writes beside the head,
// whether it was delivered, appended, copied, undeleted or restored.
#pragma once

#include <cstdint>

#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_state.h"

namespace restante::store {

// For a plan: the row, with its MODSEQ, under this UID; its place in the change log and
// among the UIDLs; the reference of its body. Counters and UIDNEXT are the caller's.
void AddRow(const StoredRow& row, uint32_t uid, Change& change);

}  // namespace restante::store
