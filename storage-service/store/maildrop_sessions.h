// Maildrops over mailboxes: authenticates through the directory, takes the lock,
// lists and deletes. The locks are SessionTable's, the list is session_list.h's,
// the deletions are deletion.h's; this file puts them together.
//
// A session's token stays good over a restart: for `resume_window` after the store
// was opened, Resume takes a session of an earlier opening up again, if nobody has
// logged in meanwhile. Its list is still exact; a message of it that somebody else
// expunged may be gone by then (NO_SUCH_MESSAGE).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/login_delays.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/maildrops.h"
#include "storage-service/store/move.h"
#include "storage-service/store/session_table.h"
#include "storage-service/store/store.h"
#include "storage-service/store/tokens.h"

namespace restante::store {

class MaildropSessions : public Maildrops {
 public:
  // All pointers must outlive this. `expunged` is told of each mailbox that has
  // something to be reclaimed; `wake` is SessionTable's.
  MaildropSessions(engine::Engine* engine, MailboxTable* mailboxes, Directory* directory,
                   const TokenSealer* sealer, const Clock* clock, const StoreOptions& options,
                   std::function<void(MailboxId)> expunged, std::function<void()> wake);

  LeaseId BeginLease(LeaseEvents events) override;
  void EndLease(LeaseId lease) override;
  void Heard(LeaseId lease) override { table_.Heard(lease); }
  void WatchForSilence(LeaseId lease, absl::Duration heartbeat) override {
    table_.WatchForSilence(lease, heartbeat);
  }
  Task<absl::StatusOr<OpenedMaildrop>> Login(LeaseId lease, LoginCredentials credentials,
                                             ClientInfo client, uint32_t first_rows,
                                             SessionOptions options) override;
  Task<absl::StatusOr<OpenedMaildrop>> Open(LeaseId lease, std::string auth_token,
                                            ClientInfo client, uint32_t first_rows,
                                            SessionOptions options) override;
  Task<absl::Status> Resume(LeaseId lease, std::string session_token) override;
  void CancelLogin(PendingLogin& pending) override {
    pending.Cancel();
    table_.GiveUpCancelled();
  }
  void StopWaiting() override { table_.StopWaiting(); }
  Task<absl::StatusOr<MaildropRowPage>> Rows(std::string session_token, uint32_t after_uid,
                                             uint32_t limit) override;
  Task<absl::StatusOr<uint64_t>> Commit(std::string session_token,
                                        std::vector<UidRange> delete_uids,
                                        std::vector<UidRange> retrieved_uids,
                                        bool close) override;
  Task<absl::Status> Close(std::string session_token,
                           std::vector<UidRange> retrieved_uids) override;
  Task<absl::Status> MarkRetrieved(std::string session_token,
                                   std::vector<UidRange> retrieved_uids) override;
  absl::StatusOr<absl::Duration> Renew(const std::string& session_token) override;

  // The living session of a token. BAD_TOKEN, LEASE_LOST.
  absl::StatusOr<std::shared_ptr<const Session>> Use(const std::string& session_token);

  SessionTable& table() { return table_; }
  const SessionTable& table() const { return table_; }

 private:
  Task<absl::StatusOr<OpenedMaildrop>> OpenFor(LeaseId lease, Directory::Entry account,
                                               uint32_t first_rows, SessionOptions options);
  // What follows when the lock is there.
  Task<absl::StatusOr<OpenedMaildrop>> OpenLocked(LockGrant grant, LeaseId lease,
                                                  Directory::Entry account, uint32_t first_rows,
                                                  SessionOptions options);
  Task<absl::Status> MarkSessionsRetrieved(std::shared_ptr<Mailbox> mailbox, SessionFacts facts,
                                           std::vector<UidRange> retrieved,
                                           std::vector<UidRange> deleted);
  Task<absl::Status> MarkRetrievedIn(SessionFacts facts, std::vector<UidRange> retrieved);
  Task<absl::Status> ResumeFromBefore(LeaseId lease, SessionFacts facts);

  DeletionTools Tools() const { return {engine_, mailboxes_, directory_}; }

  engine::Engine* const engine_;
  MailboxTable* const mailboxes_;
  Directory* const directory_;
  const TokenSealer* const sealer_;
  const Clock* const clock_;
  const absl::Time resume_until_;
  const absl::Duration unary_lease_;
  const std::function<void(MailboxId)> expunged_;
  SessionTable table_;
  LoginDelays delays_;
};

}  // namespace restante::store
