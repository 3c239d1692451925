#include "storage-service/ctl/transfer/mail_import.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "restante/v1/mailboxes.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/transfer/import_report.h"
#include "storage-service/ctl/transfer/mailbox_writer.h"
#include "storage-service/ctl/transfer/net_stream.h"
#include "storage-service/ctl/transfer/progress.h"

namespace restante::ctl {
namespace {

constexpr size_t kIdsAtOnce = 2'000;

bool HasReason(const absl::Status& status, v1::ErrorReason reason) {
  return !status.ok() && ReasonOf(status) == reason;
}

class MailImport {
 public:
  MailImport(const Session& session, const ImportPlan& plan, MailSource* source)
      : session_(session),
        plan_(plan),
        source_(*source),
        stub_(v1::MailboxesService::NewStub(session.channel())) {}

  absl::Status Run();

 private:
  // The source's mailboxes that are wanted.
  absl::StatusOr<std::vector<SourceMailbox>> Choose();
  // What ends the import; failures of one mailbox, or one message, go into the report.
  absl::Status ImportAll(std::vector<SourceMailbox> mailboxes);
  absl::Status ImportMailbox(SourceMailbox mailbox);
  absl::Status Make(const SourceMailbox& mailbox);
  absl::Status AdoptUidvalidity(const SourceMailbox& mailbox);
  // Which of them were appended already.
  absl::StatusOr<std::vector<bool>> FindEarlier(const WriterTarget& target,
                                                const std::vector<SourceMessage>& messages);
  absl::Status DeleteThere(const SourceMailbox& mailbox, const WriterTarget& target,
                           const std::vector<SourceMessage>& messages);
  absl::Status Subscribe();
  void TellNotes();

  template <class Request, class Response>
  absl::Status Call(grpc::Status (v1::MailboxesService::Stub::*method)(grpc::ClientContext*,
                                                                       const Request&,
                                                                       Response*),
                    Request request, Response* response) {
    request.set_address(plan_.address);
    const auto context = session_.ShortCall();
    return FromGrpcStatus(((*stub_).*method)(context.get(), request, response));
  }

  const Session& session_;
  const ImportPlan& plan_;
  MailSource& source_;
  const std::unique_ptr<v1::MailboxesService::Stub> stub_;
  absl::flat_hash_set<std::string> here_;  // mailboxes of the account
  std::unique_ptr<Progress> progress_;
  std::unique_ptr<ImportReport> report_;
};

absl::StatusOr<std::vector<SourceMailbox>> MailImport::Choose() {
  absl::StatusOr<std::vector<SourceMailbox>> all = source_.Mailboxes();
  if (!all.ok() || plan_.mailboxes.empty()) return all;
  std::vector<SourceMailbox> chosen;
  for (const std::string& name : plan_.mailboxes) {
    const auto found =
        std::find_if(all->begin(), all->end(),
                     [&](const SourceMailbox& mailbox) { return mailbox.name == name; });
    if (found == all->end()) {
      return RefusedError(absl::StrCat("there is no mailbox \"", name, "\" to import"));
    }
    chosen.push_back(*found);
  }
  return chosen;
}

absl::Status MailImport::Run() {
  // Before anything is read, which may take long.
  v1::ListMailboxesResponse here;
  absl::Status listed =
      Call(&v1::MailboxesService::Stub::ListMailboxes, v1::ListMailboxesRequest(), &here);
  if (!listed.ok()) return listed;
  for (const v1::MailboxStatus& mailbox : here.mailboxes()) here_.insert(mailbox.name());

  absl::StatusOr<std::vector<SourceMailbox>> mailboxes = Choose();
  if (!mailboxes.ok()) return mailboxes.status();
  uint64_t messages = 0;
  for (const SourceMailbox& mailbox : *mailboxes) messages += mailbox.messages;
  progress_ = std::make_unique<Progress>(session_, "import", messages);
  report_ = std::make_unique<ImportReport>(progress_.get());
  TellNotes();
  const absl::Status ended = ImportAll(*std::move(mailboxes));
  TellNotes();
  progress_->Finish();
  const absl::Status complete = report_->Print(session_);
  return ended.ok() ? complete : ended;
}

absl::Status MailImport::ImportAll(std::vector<SourceMailbox> mailboxes) {
  for (SourceMailbox& mailbox : mailboxes) {
    absl::Status imported = ImportMailbox(std::move(mailbox));
    if (!imported.ok()) return imported;
  }
  return plan_.mailboxes.empty() ? Subscribe() : absl::OkStatus();
}

absl::Status MailImport::Make(const SourceMailbox& mailbox) {
  if (here_.contains(mailbox.name)) return absl::OkStatus();
  v1::CreateMailboxRequest request;
  request.set_mailbox(mailbox.name);
  for (const std::string& use : mailbox.special_use) request.add_special_use(use);
  v1::CreateMailboxResponse response;
  absl::Status made = Call(&v1::MailboxesService::Stub::CreateMailbox, request, &response);
  if (HasReason(made, v1::ERROR_REASON_INVALID_REQUEST) && request.special_use_size() > 0) {
    report_->Note(absl::StrCat("mailbox ", mailbox.name, ": ", made.message()));
    request.clear_special_use();
    made = Call(&v1::MailboxesService::Stub::CreateMailbox, request, &response);
  }
  return HasReason(made, v1::ERROR_REASON_MAILBOX_EXISTS) ? absl::OkStatus() : made;
}

absl::Status MailImport::AdoptUidvalidity(const SourceMailbox& mailbox) {
  if (mailbox.uidvalidity == 0) {
    return RefusedError("its UIDs aren't known, so they can't be kept");
  }
  v1::AdoptUidsRequest request;
  request.set_mailbox(mailbox.name);
  request.set_uidvalidity(mailbox.uidvalidity);
  v1::AdoptUidsResponse response;
  return Call(&v1::MailboxesService::Stub::AdoptUids, std::move(request), &response);
}

absl::Status MailImport::ImportMailbox(SourceMailbox mailbox) {
  const auto of_this_mailbox = [&](const absl::Status& why) {
    if (IsServerLost(why) || ExitCodeOf(why) == kUnreachable) return why;
    report_->MailboxFailed(mailbox, why);
    return absl::OkStatus();
  };
  absl::Status made = Make(mailbox);
  if (!made.ok()) return of_this_mailbox(made);
  absl::StatusOr<std::vector<SourceMessage>> messages = source_.Messages(&mailbox);
  TellNotes();
  if (!messages.ok()) return of_this_mailbox(messages.status());
  if (plan_.keep_uids && (mailbox.uidvalidity != 0 || !messages->empty())) {
    absl::Status adopted = AdoptUidvalidity(mailbox);
    if (!adopted.ok()) return of_this_mailbox(adopted);
    std::stable_partition(messages->begin(), messages->end(),
                          [](const SourceMessage& message) { return message.uid != 0; });
  }
  const WriterTarget target{plan_.address, mailbox.name,
                            absl::StrCat("import ", source_.kind()), plan_.keep_uids,
                            mailbox.uid_next};
  const absl::StatusOr<std::vector<bool>> earlier = FindEarlier(target, *messages);
  if (!earlier.ok()) return earlier.status();
  std::vector<SourceMessage> wanted;
  for (size_t i = 0; i < messages->size(); ++i) {
    if (!(*earlier)[i]) wanted.push_back((*messages)[i]);
  }
  report_->Earlier(messages->size() - wanted.size());

  MailboxWriter writer(session_, target, report_.get());
  const absl::Status fetched = source_.Fetch(mailbox, std::move(wanted), &writer);
  // What was read before an error is kept.
  const absl::Status written = writer.Finish();
  if (!written.ok()) return written;
  if (!fetched.ok()) return of_this_mailbox(fetched);
  return plan_.delete_there ? DeleteThere(mailbox, target, *messages) : absl::OkStatus();
}

absl::StatusOr<std::vector<bool>> MailImport::FindEarlier(
    const WriterTarget& target, const std::vector<SourceMessage>& messages) {
  std::vector<bool> earlier;
  while (earlier.size() < messages.size()) {
    v1::FindAppendedRequest request;
    request.set_mailbox(target.mailbox);
    const size_t end = std::min(messages.size(), earlier.size() + kIdsAtOnce);
    for (size_t i = earlier.size(); i < end; ++i) {
      request.add_append_ids(AppendIdOf(target, messages[i]));
    }
    const int asked = request.append_ids_size();
    v1::FindAppendedResponse response;
    absl::Status found =
        Call(&v1::MailboxesService::Stub::FindAppended, std::move(request), &response);
    if (!found.ok()) return found;
    if (response.uids_size() != asked) {
      return RefusedError("the service's answer doesn't fit the ids");
    }
    for (const uint32_t uid : response.uids()) earlier.push_back(uid != 0);
  }
  return earlier;
}

absl::Status MailImport::DeleteThere(const SourceMailbox& mailbox, const WriterTarget& target,
                                     const std::vector<SourceMessage>& messages) {
  // The store says what it has; nothing else is deleted.
  const absl::StatusOr<std::vector<bool>> here = FindEarlier(target, messages);
  if (!here.ok()) return here.status();
  std::vector<SourceMessage> safe;
  for (size_t i = 0; i < messages.size(); ++i) {
    if ((*here)[i]) safe.push_back(messages[i]);
  }
  return source_.Delete(mailbox, safe);
}

absl::Status MailImport::Subscribe() {
  const absl::StatusOr<std::vector<std::string>> names = source_.Subscriptions();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    v1::SetSubscribedRequest request;
    request.set_mailbox(name);
    request.set_subscribed(true);
    v1::SetSubscribedResponse response;
    const absl::Status set =
        Call(&v1::MailboxesService::Stub::SetSubscribed, std::move(request), &response);
    if (ExitCodeOf(set) == kUnreachable) return set;
    if (!set.ok()) report_->Note(absl::StrCat("subscription to ", name, ": ", set.message()));
  }
  return absl::OkStatus();
}

void MailImport::TellNotes() {
  for (const std::string& note : source_.TakeNotes()) report_->Note(note);
}

}  // namespace

absl::Status ImportMail(const Session& session, const ImportPlan& plan, MailSource* source) {
  return MailImport(session, plan, source).Run();
}

}  // namespace restante::ctl
