// Where scans of a mailbox's rows begin, so that they don't walk over what was
// deleted or hidden: the lowest rows that stay when others go.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/types.h"

namespace restante::store {

struct LowUids {
  uint32_t any = 1;
  uint32_t visible = 1;  // to POP3

  // For a plan: rows above those that were read may have come meanwhile.
  void RaiseIn(Head& head) const;
};

// What they are without the rows of `gone` (ascending runs): those leave the mailbox,
// or POP3 alone. The caller holds the mailbox's changes(), and `head` is durable.
Task<absl::StatusOr<LowUids>> LowestWithout(engine::Engine* engine, MailboxId mailbox,
                                            Head head, std::vector<UidRange> gone,
                                            bool only_for_pop3);

}  // namespace restante::store
