// Makes good what the verifier finds in a mailbox, in one commit: counters, bounds and
// indices are made anew from the rows; rows from their bodies where these know better.
// Nothing that can be read is lost: a row whose body can't be read stays as it is, and
// goes only if that is wanted.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/types.h"

namespace restante::store {

struct RepairTools {
  engine::Engine* engine = nullptr;
  MailboxTable* mailboxes = nullptr;
  absl::Time now;
};

struct RepairOptions {
  // Compare rows with all octets of their bodies.
  bool read_bodies = false;
  // A message whose octets can't be read any more vanishes from its mailbox.
  bool expunge_unreadable = false;
};

// The mailbox may be in use: OVERLOADED if it changed all the while.
Task<absl::Status> RepairMailbox(RepairTools tools, MailboxId mailbox, RepairOptions options);

// Gives a mailbox a head that has none, or none that can be decoded. Its UIDVALIDITY must
// be a new one: which UIDs were given out nobody knows. RepairMailbox does the rest.
Task<absl::Status> RebuildHead(RepairTools tools, MailboxId mailbox, AccountId owner,
                               uint32_t uidvalidity);

}  // namespace restante::store
