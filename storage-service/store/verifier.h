// Store::Verify: walks through the directory, all mailboxes and all bodies, and
// checks that they fit together, while the store is in use.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/store.h"

namespace restante::store {

class Verifier {
 public:
  Verifier(engine::Engine* engine, Directory* directory, MailboxTable* mailboxes)
      : engine_(engine), directory_(directory), mailboxes_(mailboxes) {}

  Task<absl::StatusOr<VerifySummary>> Run(bool read_bodies,
                                          std::function<void(VerifyFinding)> report);

 private:
  using Report = std::function<void(VerifyFinding)>;

  Task<absl::Status> VerifyMailboxes(bool read_bodies, VerifySummary* summary, Report report);
  Task<absl::Status> VerifyOwner(MailboxId mailbox, AccountId owner, std::string where,
                                 Report report);
  Task<absl::Status> VerifyBodies(VerifySummary* summary, Report report);
  Task<absl::StatusOr<bool>> IsHeldByOneOf(engine::BodyId body,
                                           std::vector<engine::BodyReference> references);
  Task<absl::StatusOr<bool>> IsOrphan(engine::BodyInfo body);

  engine::Engine* const engine_;
  Directory* const directory_;
  MailboxTable* const mailboxes_;
};

}  // namespace restante::store
