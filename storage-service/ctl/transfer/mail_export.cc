#include "storage-service/ctl/transfer/mail_export.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "restante/v1/mailboxes.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/transfer/progress.h"

namespace restante::ctl {
namespace {

constexpr uint32_t kRowsAtOnce = 4096;
constexpr size_t kPartsAtOnce = 512;

class MailExport {
 public:
  MailExport(const Session& session, const ExportPlan& plan, ExportSink* sink)
      : session_(session),
        plan_(plan),
        sink_(*sink),
        stub_(v1::MailboxesService::NewStub(session.channel())) {}

  absl::Status Run();

 private:
  absl::StatusOr<std::vector<v1::MailboxStatus>> Choose(const v1::ListMailboxesResponse& all);
  absl::Status ExportAll(const std::vector<v1::MailboxStatus>& mailboxes,
                         const v1::ListMailboxesResponse& all);
  absl::Status ExportMailbox(const v1::MailboxStatus& mailbox);
  absl::StatusOr<std::vector<v1::MessageRow>> Rows(const std::string& mailbox);
  absl::Status Fetch(const std::string& mailbox, const v1::MessageRow* const* rows,
                     size_t count);
  // A piece of the message at hand.
  absl::Status Take(const std::string& mailbox, const v1::MessageRow& row,
                    const v1::ReadPiece& piece);
  void Fail(const std::string& mailbox, uint32_t uid, const absl::Status& why);
  void TellNotes();
  absl::Status Print();

  const Session& session_;
  const ExportPlan& plan_;
  ExportSink& sink_;
  const std::unique_ptr<v1::MailboxesService::Stub> stub_;
  std::unique_ptr<Progress> progress_;
  bool begun_ = false;  // a message
  uint64_t exported_ = 0;
  uint64_t earlier_ = 0;
  uint64_t gone_ = 0;
  Json failed_ = Json::array();
};

absl::StatusOr<std::vector<v1::MailboxStatus>> MailExport::Choose(
    const v1::ListMailboxesResponse& all) {
  std::vector<v1::MailboxStatus> chosen(all.mailboxes().begin(), all.mailboxes().end());
  if (plan_.mailboxes.empty()) return chosen;
  for (const std::string& name : plan_.mailboxes) {
    if (std::none_of(chosen.begin(), chosen.end(),
                     [&](const auto& mailbox) { return mailbox.name() == name; })) {
      return RefusedError(absl::StrCat("there is no mailbox \"", name, "\""));
    }
  }
  std::erase_if(chosen, [this](const v1::MailboxStatus& mailbox) {
    return std::find(plan_.mailboxes.begin(), plan_.mailboxes.end(), mailbox.name()) ==
           plan_.mailboxes.end();
  });
  return chosen;
}

absl::Status MailExport::Run() {
  v1::ListMailboxesRequest request;
  request.set_address(plan_.address);
  v1::ListMailboxesResponse all;
  const auto context = session_.ShortCall();
  const absl::Status listed =
      FromGrpcStatus(stub_->ListMailboxes(context.get(), request, &all));
  if (!listed.ok()) return listed;
  const absl::StatusOr<std::vector<v1::MailboxStatus>> mailboxes = Choose(all);
  if (!mailboxes.ok()) return mailboxes.status();
  uint64_t messages = 0;
  for (const v1::MailboxStatus& mailbox : *mailboxes) messages += mailbox.message_count();
  progress_ = std::make_unique<Progress>(session_, "export", messages);
  const absl::Status ended = ExportAll(*mailboxes, all);
  TellNotes();
  progress_->Finish();
  const absl::Status complete = Print();
  return ended.ok() ? complete : ended;
}

absl::Status MailExport::ExportAll(const std::vector<v1::MailboxStatus>& mailboxes,
                                   const v1::ListMailboxesResponse& all) {
  for (const v1::MailboxStatus& mailbox : mailboxes) {
    absl::Status exported = ExportMailbox(mailbox);
    TellNotes();
    if (!exported.ok()) return exported;
  }
  if (!plan_.mailboxes.empty()) return absl::OkStatus();
  return sink_.Subscribed({all.subscriptions().begin(), all.subscriptions().end()});
}

absl::StatusOr<std::vector<v1::MessageRow>> MailExport::Rows(const std::string& mailbox) {
  std::vector<v1::MessageRow> rows;
  while (true) {
    v1::ListMessagesRequest request;
    request.set_address(plan_.address);
    request.set_mailbox(mailbox);
    request.set_limit(kRowsAtOnce);
    if (!rows.empty()) request.set_after_uid(rows.back().uid());
    v1::ListMessagesResponse page;
    const auto context = session_.ShortCall();
    const absl::Status status =
        FromGrpcStatus(stub_->ListMessages(context.get(), request, &page));
    if (!status.ok()) return status;
    for (v1::MessageRow& row : *page.mutable_rows()) rows.push_back(std::move(row));
    if (page.end() || page.rows().empty()) return rows;
  }
}

absl::Status MailExport::ExportMailbox(const v1::MailboxStatus& mailbox) {
  const absl::StatusOr<std::vector<v1::MessageRow>> rows = Rows(mailbox.name());
  if (!rows.ok()) return rows.status();
  // UIDs that were given out since the mailboxes were listed are below UIDNEXT as well.
  v1::MailboxStatus as_listed = mailbox;
  if (!rows->empty()) {
    as_listed.set_uid_next(std::max(mailbox.uid_next(), rows->back().uid() + 1));
  }
  const auto wanted = sink_.Open(as_listed, *rows);
  if (!wanted.ok()) return wanted.status();
  earlier_ += rows->size() - wanted->size();
  progress_->Advance(rows->size() - wanted->size(), 0);
  for (size_t at = 0; at < wanted->size(); at += kPartsAtOnce) {
    const size_t count = std::min(kPartsAtOnce, wanted->size() - at);
    absl::Status fetched = Fetch(mailbox.name(), wanted->data() + at, count);
    if (!fetched.ok()) return fetched;
  }
  return sink_.Close();
}

absl::Status MailExport::Fetch(const std::string& mailbox, const v1::MessageRow* const* rows,
                               size_t count) {
  v1::FetchMessagesRequest request;
  request.set_address(plan_.address);
  request.set_mailbox(mailbox);
  for (size_t i = 0; i < count; ++i) request.add_parts()->set_uid(rows[i]->uid());
  const auto context = session_.LongCall();
  const auto reader = stub_->FetchMessages(context.get(), request);
  v1::FetchMessagesResponse response;
  size_t done = 0;
  absl::Status status = absl::OkStatus();
  while (status.ok() && reader->Read(&response)) {
    for (const v1::ReadPiece& piece : response.pieces()) {
      if (piece.part() != done || done == count) {
        status = RefusedError("the service's answer doesn't fit the messages");
      } else {
        status = Take(mailbox, *rows[done], piece);
      }
      if (!status.ok()) break;
      if (piece.last()) ++done;
    }
  }
  if (!status.ok()) context->TryCancel();
  const absl::Status ended = FromGrpcStatus(reader->Finish());
  if (!status.ok()) return status;
  if (!ended.ok()) return ended;
  return done == count ? absl::OkStatus()
                       : RefusedError("the service's answer ended too early");
}

absl::Status MailExport::Take(const std::string& mailbox, const v1::MessageRow& row,
                              const v1::ReadPiece& piece) {
  absl::Status status = absl::OkStatus();
  if (piece.has_error()) {
    if (std::exchange(begun_, false)) status = sink_.Abandon();
    Fail(mailbox, row.uid(), FromRpcStatus(piece.error()));
    return status;
  }
  if (!begun_) status = sink_.Begin(row);
  begun_ = true;
  if (status.ok() && !piece.data().empty()) status = sink_.Data(piece.data());
  if (!status.ok() || !piece.last()) return status;
  begun_ = false;
  status = sink_.End();
  if (!status.ok()) return status;
  ++exported_;
  progress_->Advance(1, row.octets());
  return absl::OkStatus();
}

void MailExport::Fail(const std::string& mailbox, uint32_t uid, const absl::Status& why) {
  const std::string name = absl::StrCat(mailbox, ", UID ", uid);
  const std::string line = ErrorLine(why, "");
  if (ReasonOf(why) == v1::ERROR_REASON_NO_SUCH_MESSAGE) {
    ++gone_;  // expunged since it was listed
  } else {
    failed_.push_back({{"message", name}, {"error", line}});
    if (progress_->json()) {
      progress_->Tell({{"event", "failed"}, {"message", name}, {"error", line}});
    } else {
      progress_->Say(absl::StrCat(name, ": ", line));
    }
  }
  progress_->Advance(1, 0);
}

void MailExport::TellNotes() {
  for (const std::string& note : sink_.TakeNotes()) {
    if (progress_->json()) {
      progress_->Tell({{"event", "note"}, {"text", note}});
    } else {
      progress_->Say(absl::StrCat("note: ", note));
    }
  }
}

absl::Status MailExport::Print() {
  const uint64_t total = exported_ + earlier_ + failed_.size();
  const size_t failed = failed_.size();
  if (session_.json()) {
    session_.PrintJson({{"messages", total},
                        {"exported", exported_},
                        {"earlier", earlier_},
                        {"gone", gone_},
                        {"failed", std::move(failed_)}});
  } else {
    session_.out() << "Exported " << exported_ << " of " << total
                   << (total == 1 ? " message" : " messages");
    if (earlier_ > 0) session_.out() << ", " << earlier_ << " were there already";
    session_.out() << ".\n";
  }
  if (failed == 0) return absl::OkStatus();
  return RefusedError(absl::StrCat(failed, " of ", total, " messages weren't exported"));
}

}  // namespace

absl::Status ExportMail(const Session& session, const ExportPlan& plan, ExportSink* sink) {
  return MailExport(session, plan, sink).Run();
}

}  // namespace restante::ctl
