// Checks one mailbox against the invariants of docs/store.md, by reading all of
// it. The mailbox may be in use: a reading that was overtaken by a commit is done
// again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/store.h"
#include "storage-service/store/types.h"

namespace restante::store {

struct MailboxTotals {
  uint64_t messages = 0;
  uint64_t octets = 0;
  AccountId owner;
  bool has_head = false;  // one that can be decoded; otherwise the owner isn't known
  uint32_t uidvalidity = 0;
  bool deleting = false;
  // Somebody is erasing it, or has.
  bool gone = false;
};

// `where` names the mailbox in findings. An error: the engine's, not a finding.
Task<absl::StatusOr<MailboxTotals>> VerifyMailbox(engine::Engine* engine, MailboxId mailbox,
                                                  std::string where, bool read_bodies,
                                                  std::function<void(VerifyFinding)> report);

}  // namespace restante::store
