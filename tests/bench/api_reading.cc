#include "tests/bench/api_reading.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "restante/v1/maildrop.grpc.pb.h"
#include "restante/v1/messages.grpc.pb.h"
#include "tests/bench/connection.h"

namespace restante::bench {
namespace {

namespace v1 = restante::v1;

constexpr size_t kPartsOfARead = 1024;  // as the contract has it

void Expect(const char* what, const grpc::Status& status) {
  if (!status.ok()) InvalidRun(std::string(what) + ": " + status.error_message());
}

}  // namespace

ApiMailbox::ApiMailbox(std::shared_ptr<grpc::Channel> channel, const std::string& address,
                       const std::string& password)
    : channel_(std::move(channel)) {
  const auto stub = v1::MaildropService::NewStub(channel_);
  v1::LoginRequest login;
  login.set_address(address);
  login.set_password(password);
  v1::LoginResponse opened;
  grpc::ClientContext context;
  Expect("Login", stub->Login(&context, login, &opened));
  token_ = opened.session().session_token();
  for (bool end = false; !end;) {
    v1::RowsRequest request;
    request.set_session_token(token_);
    request.set_after_uid(uids_.empty() ? 0 : uids_.back());
    request.set_limit(4096);
    v1::RowsResponse page;
    grpc::ClientContext of_rows;
    Expect("Rows", stub->Rows(&of_rows, request, &page));
    for (const v1::MaildropRow& row : page.rows()) uids_.push_back(row.uid());
    end = page.end();
  }
  if (uids_.size() != opened.session().message_count()) {
    InvalidRun(address + ": Rows and Login disagree");
  }
}

ApiMailbox::ApiMailbox(std::shared_ptr<grpc::Channel> channel, uint32_t count)
    : channel_(std::move(channel)) {
  for (uint32_t uid = 1; uid <= count; ++uid) uids_.push_back(uid);
}

void ApiMailbox::Read(
    const Messages& messages,
    const std::function<void(const MessageId&, uint64_t octets)>& each) const {
  const auto stub = v1::MessagesService::NewStub(channel_);
  for (size_t first = 0; first < uids_.size(); first += kPartsOfARead) {
    const size_t parts = std::min(kPartsOfARead, uids_.size() - first);
    v1::ReadRequest request;
    request.set_session_token(token_);
    for (size_t i = 0; i < parts; ++i) request.add_parts()->set_uid(uids_[first + i]);
    grpc::ClientContext context;
    const auto stream = stub->Read(&context, request);
    v1::ReadResponse frame;
    size_t done = 0;
    std::string begun;  // of a message that spans frames
    while (stream->Read(&frame)) {
      for (const v1::ReadPiece& piece : frame.pieces()) {
        if (piece.has_error()) InvalidRun("Read: " + piece.error().message());
        if (piece.part() != done) InvalidRun("Read: a part is missing");
        if (!piece.last() || !begun.empty()) begun += piece.data();
        if (!piece.last()) continue;
        const std::string& whole = begun.empty() ? piece.data() : begun;
        each(messages.CheckPlain(whole), whole.size());
        begun.clear();
        ++done;
      }
    }
    Expect("Read", stream->Finish());
    if (done != parts) InvalidRun("Read: the last part is missing");
  }
}

void ApiMailbox::Erase() {
  const auto stub = v1::MaildropService::NewStub(channel_);
  v1::CommitRequest request;
  request.set_session_token(token_);
  request.set_close(true);
  for (const uint32_t uid : uids_) {
    if (request.delete_uids_size() > 0 &&
        request.delete_uids(request.delete_uids_size() - 1).last() + 1 == uid) {
      request.mutable_delete_uids(request.delete_uids_size() - 1)->set_last(uid);
      continue;
    }
    v1::UidRange* const run = request.add_delete_uids();
    run->set_first(uid);
    run->set_last(uid);
  }
  v1::CommitResponse response;
  grpc::ClientContext context;
  Expect("Commit", stub->Commit(&context, request, &response));
  if (response.deleted() != uids_.size()) InvalidRun("Commit deleted not all");
}

}  // namespace restante::bench
