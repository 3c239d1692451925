#include "storage-service/store/maildrop_sessions.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/deletion.h"
#include "storage-service/store/session_list.h"

namespace restante::store {
namespace {

constexpr uint32_t kMostFirstRows = 64;
constexpr uint32_t kMostRows = 4096;
constexpr uint32_t kUsualRows = 1024;

absl::Status LeaseLost(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_LEASE_LOST, message);
}

// To a session, a mailbox that was erased is a lease that was lost.
absl::Status ForSession(const absl::Status& status) {
  if (ReasonOf(status) != v1::ERROR_REASON_NO_SUCH_MAILBOX) return status;
  return LeaseLost("the maildrop was deleted");
}

}  // namespace

MaildropSessions::MaildropSessions(engine::Engine* engine, MailboxTable* mailboxes,
                                   Directory* directory, const TokenSealer* sealer,
                                   const Clock* clock, const StoreOptions& options,
                                   std::function<void(MailboxId)> expunged)
    : engine_(engine),
      mailboxes_(mailboxes),
      directory_(directory),
      sealer_(sealer),
      clock_(clock),
      resume_until_(clock->Now() + options.resume_window),
      unary_lease_(options.unary_lease),
      expunged_(std::move(expunged)),
      table_(engine->epoch(), clock, options.lease_grace, options.unary_lease) {}

Task<absl::StatusOr<OpenedMaildrop>> MaildropSessions::Login(LeaseId lease, std::string address,
                                                             std::string password,
                                                             ClientInfo client,
                                                             uint32_t first_rows) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->VerifyPassword(
      std::move(address), std::move(password), std::move(client));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<OpenedMaildrop> opened =
      co_await OpenFor(lease, *std::move(account), first_rows);
  co_return opened;
}

Task<absl::StatusOr<OpenedMaildrop>> MaildropSessions::Open(LeaseId lease,
                                                            std::string auth_token,
                                                            ClientInfo /*client*/,
                                                            uint32_t first_rows) {
  absl::StatusOr<Directory::Entry> account =
      co_await directory_->CheckAuthToken(std::move(auth_token));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<OpenedMaildrop> opened =
      co_await OpenFor(lease, *std::move(account), first_rows);
  co_return opened;
}

Task<absl::StatusOr<OpenedMaildrop>> MaildropSessions::OpenFor(LeaseId lease,
                                                               Directory::Entry account,
                                                               uint32_t first_rows) {
  absl::StatusOr<uint64_t> fencing = table_.Reserve(account->inbox, lease);
  if (!fencing.ok()) co_return fencing.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox = co_await mailboxes_->Find(account->inbox);
  if (!mailbox.ok()) {
    table_.Release(*fencing);
    co_return mailbox.status();
  }
  Mailbox::View view = (*mailbox)->OpenView();
  (*mailbox)->SetNewestFencing(*fencing);
  auto session = std::make_shared<Session>();
  session->facts = {*fencing,           account->id,
                    account->inbox,     view.head.uidvalidity,
                    view.head.uid_next, view.head.highest_modseq};
  session->mailbox = *mailbox;
  session->pin = std::move(view.pin);

  OpenedMaildrop opened;
  first_rows = std::min(first_rows, kMostFirstRows);
  if (first_rows > 0 && view.head.message_count > 0) {
    absl::StatusOr<MaildropRowPage> page =
        co_await ListSession(engine_, *mailbox, session->facts, 0, first_rows);
    if (!page.ok()) {
      table_.Release(*fencing);
      co_return page.status();
    }
    opened.rows = std::move(page->rows);
  }
  opened.session_token = SealSession(*sealer_, session->facts);
  opened.fencing_token = *fencing;
  opened.address = account->address;
  opened.uidvalidity = view.head.uidvalidity;
  opened.uid_next = view.head.uid_next;
  opened.highest_modseq = view.head.highest_modseq;
  opened.message_count = view.head.message_count;
  opened.octets = view.head.octets;
  opened.lease = lease == kUnaryLease ? unary_lease_ : absl::ZeroDuration();
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
    if (view.head.last_commit_fencing > facts.fencing ||
        (*mailbox)->newest_fencing() >= facts.fencing) {
      // Or this one has, and ended.
      status = LeaseLost("the maildrop has been held since");
    } else if (view.head.uidvalidity != facts.uidvalidity || view.head.owner != facts.account) {
      status = LeaseLost("the maildrop isn't the one it was");
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
  absl::StatusOr<uint64_t> deleted = co_await DeleteFromSession(
      engine_, kept->session->mailbox, *facts, std::move(delete_uids), clock_->Now());
  // After a failure the rows may be expunged all the same.
  if (!deleted.ok() || *deleted > 0) expunged_(facts->mailbox);
  if (!deleted.ok()) co_return ForSession(deleted.status());
  if (close) table_.Release(facts->fencing);
  co_return deleted;
}

absl::Status MaildropSessions::Close(const std::string& session_token) {
  absl::StatusOr<SessionFacts> facts = OpenSession(*sealer_, session_token);
  if (!facts.ok()) return facts.status();
  table_.Release(facts->fencing);
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> MaildropSessions::Renew(const std::string& session_token) {
  absl::StatusOr<SessionFacts> facts = OpenSession(*sealer_, session_token);
  if (!facts.ok()) return facts.status();
  return table_.Renew(facts->fencing);
}

}  // namespace restante::store
