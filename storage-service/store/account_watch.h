// Tells an IMAP service what changes in mailboxes of an account: "changed up to this
// MODSEQ", with the mailbox's status, for however many changes there were since the last
// time; the service asks ListChanges what they are. It misses nothing: whoever listens
// does so before the first status is read, and a status is read after its change was
// heard of.
//
// Memory is bounded by the number of mailboxes, however slow the service.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/mailboxes.h"
#include "storage-service/store/watch_hub.h"

namespace restante::store {

class AccountWatch : public MailboxWatch {
 public:
  AccountWatch(engine::Engine* engine, Directory* directory, MailboxTable* mailboxes,
               AccountId account, WatchRequest request)
      : engine_(engine),
        directory_(directory),
        mailboxes_(mailboxes),
        account_(account),
        request_(std::move(request)),
        listener_(mailboxes->watches().Listen(account)) {}

  // Once, first. NO_SUCH_MAILBOX.
  Task<absl::Status> Start();

  Task<absl::StatusOr<WatchNews>> Next() override;
  void Stop() override { listener_->Stop(); }

 private:
  struct Known {
    std::string name;
    uint64_t modseq = 0;  // told, or known by whoever asked
    uint32_t uid_next = 0;
  };

  // Which mailboxes there are now.
  Task<absl::Status> ReadMailboxes(WatchNews* news);
  // Adds what is new of a mailbox, if anything is.
  Task<absl::Status> Look(MailboxId mailbox, WatchNews* news);

  engine::Engine* const engine_;
  Directory* const directory_;
  MailboxTable* const mailboxes_;
  const AccountId account_;
  const WatchRequest request_;
  const std::shared_ptr<WatchHub::Listener> listener_;
  absl::flat_hash_map<MailboxId, Known> watched_;
  std::vector<MailboxId> to_look_at_;  // the last first
  bool caught_up_ = false;
};

}  // namespace restante::store
