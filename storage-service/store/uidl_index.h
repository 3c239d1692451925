// Which UIDLs a mailbox has, as far as they aren't derived from a GUID: a message that
// came from another server keeps the UIDL that it had there, and must not get one
// that another message has. A UIDL is taken while a row has it, or an expunged row
// whose body is still there: it could be brought back.
//
// Two deliveries that want one UIDL in one mailbox take turns; others never wait.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/async_mutex.h"
#include "storage-service/store/bodies.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/types.h"

namespace restante::store {

class UidlIndex {
 public:
  UidlIndex(engine::Engine* engine, Bodies* bodies) : engine_(engine), bodies_(bodies) {}

  // Keeps others who want this UIDL in this mailbox waiting, until the guard ends.
  // Several are taken in ascending order of mailboxes, and after delivery ids.
  Task<KeyedAsyncMutex::Guard> Lock(MailboxId mailbox, std::string uidl);

  // Whether the mailbox has a message with this UIDL. At most a few reads.
  Task<absl::StatusOr<bool>> IsTaken(MailboxId mailbox, std::string uidl);

  // Adds to the commit that writes the row, or that lets go of what is left of it.
  // Nothing for rows with a derived UIDL.
  static void Record(const StoredRow& row, uint32_t uid, Change& change);
  static void Forget(const StoredRow& row, Change& change);

 private:
  engine::Engine* const engine_;
  Bodies* const bodies_;
  KeyedAsyncMutex locks_;
};

}  // namespace restante::store
