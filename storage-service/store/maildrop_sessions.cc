#include "storage-service/store/maildrop_sessions.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/deletion.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/policies.h"
#include "storage-service/store/retrieval.h"
#include "storage-service/store/session_list.h"
#include "storage-service/store/uid_runs.h"

namespace restante::store {
namespace {

constexpr uint32_t kMostFirstRows = 64;

bool IsCancelled(const SessionOptions& options) {
  return options.pending != nullptr && options.pending->cancelled();
}

// To a session, a mailbox or account that was erased is a lease that was lost.
absl::Status ForSession(const absl::Status& status) {
  const v1::ErrorReason reason = ReasonOf(status);
  if (reason != v1::ERROR_REASON_NO_SUCH_MAILBOX &&
      reason != v1::ERROR_REASON_NO_SUCH_ACCOUNT) {
    return status;
  }
  return LeaseLost("the maildrop was deleted");
}

}  // namespace

MaildropSessions::MaildropSessions(engine::Engine* engine, MailboxTable* mailboxes,
                                   Directory* directory, const TokenSealer* sealer,
                                   const Clock* clock, const StoreOptions& options,
                                   std::function<void(MailboxId)> expunged,
                                   std::function<void()> wake)
    : engine_(engine),
      mailboxes_(mailboxes),
      directory_(directory),
      sealer_(sealer),
      clock_(clock),
      resume_until_(clock->Now() + options.resume_window),
      unary_lease_(options.unary_lease),
      expunged_(std::move(expunged)),
      table_(engine->epoch(), clock, options.lease_grace, options.unary_lease,
             std::move(wake)) {}

LeaseId MaildropSessions::BeginLease(LeaseEvents events) {
  AnnouncementWatcher announce = std::move(events.announce);
  const LeaseId lease = table_.BeginLease(std::move(events));
  if (announce) directory_->policies().Watch(lease, std::move(announce));
  return lease;
}

void MaildropSessions::EndLease(LeaseId lease) {
  directory_->policies().Unwatch(lease);
  table_.EndLease(lease);
}

Task<absl::StatusOr<OpenedMaildrop>> MaildropSessions::Login(LeaseId lease,
                                                             LoginCredentials credentials,
                                                             ClientInfo client,
                                                             uint32_t first_rows,
                                                             SessionOptions options) {
  const bool external = !credentials.client_certificates.empty();
  if (external && !credentials.password.empty()) {
    co_return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                        "password and client_certificates can't be given together");
  }
  absl::StatusOr<Directory::Entry> account = Directory::Entry();
  if (external) {
    account = co_await directory_->VerifyCertificates(
        std::move(credentials.client_certificates), std::move(credentials.address),
        std::move(client));
  } else {
    account = co_await directory_->VerifyPassword(
        std::move(credentials.address), std::move(credentials.password), std::move(client));
  }
  if (!account.ok()) co_return account.status();
  absl::StatusOr<OpenedMaildrop> opened =
      co_await OpenFor(lease, *std::move(account), first_rows, options);
  co_return opened;
}

Task<absl::StatusOr<OpenedMaildrop>> MaildropSessions::Open(LeaseId lease,
                                                            std::string auth_token,
                                                            ClientInfo /*client*/,
                                                            uint32_t first_rows,
                                                            SessionOptions options) {
  absl::StatusOr<Directory::Entry> account =
      co_await directory_->CheckAuthToken(std::move(auth_token));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<OpenedMaildrop> opened =
      co_await OpenFor(lease, *std::move(account), first_rows, options);
  co_return opened;
}

Task<absl::StatusOr<OpenedMaildrop>> MaildropSessions::OpenFor(LeaseId lease,
                                                               Directory::Entry account,
                                                               uint32_t first_rows,
                                                               SessionOptions options) {
  if (account->pop3_disabled) co_return ProtocolDisabled(account->address, "POP3");
  const absl::Duration delay = directory_->EffectivePolicy(*account).LoginDelay();
  absl::Status soon = delays_.Check(account->id, delay, clock_->Now());
  if (!soon.ok()) co_return soon;
  absl::StatusOr<LockGrant> grant = co_await table_.Acquire(
      account->inbox, lease, options.lock_wait, options.take_over, options.pending);
  if (!grant.ok()) co_return grant.status();
  // Whoever had the lock meanwhile has logged in.
  soon = delays_.Check(account->id, delay, clock_->Now());
  if (!soon.ok()) {
    table_.Release(grant->fencing);
    co_return soon;
  }
  absl::StatusOr<OpenedMaildrop> opened =
      co_await OpenLocked(*grant, lease, account, first_rows, options);
  if (opened.ok() && IsCancelled(options)) opened = LoginCancelled();
  if (!opened.ok()) {
    table_.Release(grant->fencing);
    co_return opened;
  }
  delays_.Note(account->id, delay, clock_->Now());
  co_return opened;
}

Task<absl::StatusOr<OpenedMaildrop>> MaildropSessions::OpenLocked(LockGrant grant,
                                                                  LeaseId lease,
                                                                  Directory::Entry account,
                                                                  uint32_t first_rows,
                                                                  SessionOptions options) {
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox = co_await mailboxes_->Find(account->inbox);
  if (!mailbox.ok()) co_return mailbox.status();
  (*mailbox)->SetNewestFencing(grant.fencing);
  if (grant.taken_over) {
    // Durably, or the older session could be resumed after a restart.
    Mailbox::Plan fence = [fencing = grant.fencing](Head& head, Change&) {
      head.oldest_fencing = std::max(head.oldest_fencing, fencing);
      return absl::OkStatus();
    };
    CommitResult fenced = co_await (*mailbox)->Commit(std::move(fence));
    if (!fenced.status.ok()) co_return fenced.status;
  }
  Mailbox::View view = (*mailbox)->OpenView();
  const Pop3Policy policy = directory_->EffectivePolicy(*account);
  auto session = std::make_shared<Session>();
  session->facts = {grant.fencing,         account->id,        account->inbox,
                    view.head.uidvalidity, view.head.uid_next, view.head.highest_modseq,
                    options.utf8};
  session->facts.deletion = policy.deletion;
  if (policy.deletion == Pop3Policy::Deletion::kMove) session->facts.move_to = policy.move_to;
  session->facts.remembers_retrieval = policy.RetrievedExpiry() > absl::ZeroDuration();
  session->mailbox = *mailbox;
  session->pin = std::move(view.pin);

  OpenedMaildrop opened;
  first_rows = std::min(first_rows, kMostFirstRows);
  if (first_rows > 0 && view.head.visible_count() > 0) {
    absl::StatusOr<MaildropRowPage> page =
        co_await ListSession(engine_, *mailbox, session->facts, 0, first_rows);
    if (!page.ok()) co_return page.status();
    opened.rows = std::move(page->rows);
  }
  opened.session_token = SealSession(*sealer_, session->facts);
  opened.fencing_token = grant.fencing;
  opened.address = account->address;
  opened.uidvalidity = view.head.uidvalidity;
  opened.uid_next = view.head.uid_next;
  opened.highest_modseq = view.head.highest_modseq;
  opened.message_count = view.head.visible_count();
  opened.octets =
      options.utf8 ? view.head.visible_octets() : view.head.visible_downgraded_octets();
  opened.lease = lease == kUnaryLease ? unary_lease_ : absl::ZeroDuration();
  opened.announcement = AnnouncementOf(policy);
  opened.remembers_retrieval = session->facts.remembers_retrieval;
  table_.Install(std::move(session));
  co_return opened;
}

absl::StatusOr<std::shared_ptr<const Session>> MaildropSessions::Use(
    const std::string& session_token) {
  absl::StatusOr<SessionFacts> facts = OpenSession(*sealer_, session_token);
  if (!facts.ok()) return facts.status();
  std::shared_ptr<const Session> session = table_.Find(facts->fencing);
  if (session == nullptr) return LeaseLost("the session is over");
  if (session->mailbox->erased()) return LeaseLost("the maildrop was deleted");
  return session;
}

Task<absl::Status> MaildropSessions::Resume(LeaseId lease, std::string session_token) {
  absl::StatusOr<SessionFacts> facts = OpenSession(*sealer_, session_token);
  if (!facts.ok()) co_return facts.status();
  if (table_.IsOfThisEpoch(facts->fencing)) co_return table_.Move(facts->fencing, lease);
  // It may have been resumed in this opening already, by another stream.
  if (table_.Find(facts->fencing) != nullptr) co_return table_.Move(facts->fencing, lease);
  absl::Status status = co_await ResumeFromBefore(lease, *facts);
  co_return status;
}

Task<absl::Status> MaildropSessions::ResumeFromBefore(LeaseId lease, SessionFacts facts) {
  if (clock_->Now() >= resume_until_) co_return LeaseLost("the service was restarted long ago");
  absl::Status reserved = table_.ReserveAgain(facts.mailbox, facts.fencing, lease);
  if (!reserved.ok()) co_return reserved;
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox = co_await mailboxes_->Find(facts.mailbox);
  absl::Status status = mailbox.status();
  Mailbox::View view;
  if (status.ok()) {
    view = (*mailbox)->OpenView();
    if (std::max(view.head.last_commit_fencing, view.head.oldest_fencing) > facts.fencing ||
        (*mailbox)->newest_fencing() >= facts.fencing) {
      // Or this one has, and ended.
      status = LeaseLost("the maildrop has been held since");
    } else if (view.head.uidvalidity != facts.uidvalidity || view.head.owner != facts.account) {
      status = LeaseLost("the maildrop isn't the one it was");
    } else if (view.head.log_floor_modseq > facts.modseq) {
      // Messages of its list may have left no trace.
      status = LeaseLost("the session is too old");
    }
  }
  if (!status.ok()) {
    table_.Release(facts.fencing);
    co_return ForSession(status);
  }
  auto session = std::make_shared<Session>();
  session->facts = facts;
  session->mailbox = *mailbox;
  session->pin = (*mailbox)->Pin(facts.modseq);
  (*mailbox)->SetNewestFencing(facts.fencing);
  table_.Install(std::move(session));
  co_return absl::OkStatus();
}

Task<absl::StatusOr<MaildropRowPage>> MaildropSessions::Rows(std::string session_token,
                                                             uint32_t after_uid,
                                                             uint32_t limit) {
  if (limit > kMostRows) {
    co_return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                        absl::StrCat("limit is ", limit, "; at most ", kMostRows));
  }
  absl::StatusOr<std::shared_ptr<const Session>> session = Use(session_token);
  if (!session.ok()) co_return session.status();
  absl::StatusOr<MaildropRowPage> page =
      co_await ListSession(engine_, (*session)->mailbox, (*session)->facts, after_uid,
                           limit == 0 ? kUsualRows : limit);
  if (!page.ok()) co_return ForSession(page.status());
  co_return page;
}

Task<absl::StatusOr<uint64_t>> MaildropSessions::Commit(std::string session_token,
                                                        std::vector<UidRange> delete_uids,
                                                        std::vector<UidRange> retrieved_uids,
                                                        bool close) {
  absl::StatusOr<SessionFacts> facts = OpenSession(*sealer_, session_token);
  if (!facts.ok()) co_return facts.status();
  std::optional<SessionTable::Kept> kept = table_.FindAndKeep(facts->fencing);
  if (!kept) {
    // Perhaps it has committed, and the answer was lost.
    absl::StatusOr<std::shared_ptr<Mailbox>> mailbox =
        co_await mailboxes_->Find(facts->mailbox);
    if (!mailbox.ok()) co_return ForSession(mailbox.status());
    const Head head = (*mailbox)->durable();
    if (head.last_commit_fencing == facts->fencing) co_return head.last_commit_deleted;
    co_return LeaseLost("the session is over; nothing was deleted");
  }
  absl::Status marked = co_await MarkSessionsRetrieved(kept->session->mailbox, *facts,
                                                       std::move(retrieved_uids), delete_uids);
  if (!marked.ok()) co_return ForSession(marked);
  absl::StatusOr<uint64_t> deleted = co_await DeleteFromSession(
      Tools(), kept->session->mailbox, *facts, std::move(delete_uids), clock_->Now());
  // After a failure the rows may be expunged all the same.
  if (!deleted.ok() || *deleted > 0) expunged_(facts->mailbox);
  if (!deleted.ok()) co_return ForSession(deleted.status());
  if (close) table_.Release(facts->fencing);
  co_return deleted;
}

Task<absl::Status> MaildropSessions::Close(std::string session_token,
                                           std::vector<UidRange> retrieved_uids) {
  absl::StatusOr<SessionFacts> facts = OpenSession(*sealer_, session_token);
  if (!facts.ok()) co_return facts.status();
  table_.Release(facts->fencing);
  absl::Status marked = co_await MarkRetrievedIn(*std::move(facts), std::move(retrieved_uids));
  co_return marked;
}

Task<absl::Status> MaildropSessions::MarkRetrieved(std::string session_token,
                                                   std::vector<UidRange> retrieved_uids) {
  absl::StatusOr<SessionFacts> facts = OpenSession(*sealer_, session_token);
  if (!facts.ok()) co_return facts.status();
  // It is a call as others are, by which a unary session lives on.
  table_.Find(facts->fencing);
  absl::Status marked = co_await MarkRetrievedIn(*std::move(facts), std::move(retrieved_uids));
  co_return marked;
}

Task<absl::Status> MaildropSessions::MarkRetrievedIn(SessionFacts facts,
                                                     std::vector<UidRange> retrieved) {
  if (retrieved.empty() || !facts.remembers_retrieval) co_return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox = co_await mailboxes_->Find(facts.mailbox);
  if (!mailbox.ok()) co_return ForSession(mailbox.status());
  absl::Status marked =
      co_await MarkSessionsRetrieved(*mailbox, facts, std::move(retrieved), {});
  co_return ForSession(marked);
}

Task<absl::Status> MaildropSessions::MarkSessionsRetrieved(std::shared_ptr<Mailbox> mailbox,
                                                           SessionFacts facts,
                                                           std::vector<UidRange> retrieved,
                                                           std::vector<UidRange> deleted) {
  if (!facts.remembers_retrieval || retrieved.empty()) co_return absl::OkStatus();
  retrieved = Ordered(std::move(retrieved));
  // Of those that leave the mailbox nothing has to be remembered.
  if (facts.deletion != Pop3Policy::Deletion::kHide) {
    retrieved = Without(retrieved, Ordered(std::move(deleted)));
  }
  absl::Status marked = co_await store::MarkRetrieved(engine_, mailbox, facts,
                                                      std::move(retrieved), clock_->Now());
  co_return marked;
}

absl::StatusOr<absl::Duration> MaildropSessions::Renew(const std::string& session_token) {
  absl::StatusOr<SessionFacts> facts = OpenSession(*sealer_, session_token);
  if (!facts.ok()) return facts.status();
  return table_.Renew(facts->fencing);
}

}  // namespace restante::store
