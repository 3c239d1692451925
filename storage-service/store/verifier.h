// Store::Verify: walks through the directory, all mailboxes and all bodies, and
// checks that they fit together, while the store is in use. With a repair it walks twice:
// what the second walk doesn't find any more was made good.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_repair.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/mailbox_verifier.h"
#include "storage-service/store/store.h"

namespace restante::store {

class Verifier {
 public:
  Verifier(engine::Engine* engine, Directory* directory, MailboxTable* mailboxes,
           const Clock* clock)
      : engine_(engine), directory_(directory), mailboxes_(mailboxes), clock_(clock) {}

  Task<absl::StatusOr<VerifySummary>> Run(VerifyOptions options,
                                          std::function<void(VerifyFinding)> report);

 private:
  using Report = std::function<void(VerifyFinding)>;

  // One walk.
  Task<absl::StatusOr<VerifySummary>> Walk(VerifyOptions options, Report report);
  Task<absl::Status> VerifyMailboxes(VerifyOptions options, VerifySummary* summary,
                                     Report report);
  Task<absl::Status> VerifyOwner(MailboxId mailbox, MailboxTotals totals, std::string where,
                                 bool repair, Report report);
  Task<absl::Status> VerifyBodies(VerifyOptions options, VerifySummary* summary, Report report);
  Task<absl::StatusOr<uint64_t>> CountDangling(engine::BodyInfo body);
  Task<absl::StatusOr<bool>> IsHeldByOneOf(engine::BodyId body,
                                           std::vector<engine::BodyReference> references);
  Task<absl::StatusOr<bool>> IsOrphan(engine::BodyInfo body);

  // What can't be repaired is no error: it is found again.
  Task<absl::Status> Repair(MailboxId mailbox, VerifyOptions options);
  Task<absl::Status> RepairHead(MailboxId mailbox);
  RepairTools Tools() const { return {engine_, mailboxes_, clock_->Now()}; }

  engine::Engine* const engine_;
  Directory* const directory_;
  MailboxTable* const mailboxes_;
  const Clock* const clock_;
};

}  // namespace restante::store
