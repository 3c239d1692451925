// The part of the session that takes the message: DATA (RFC 5321), BDAT (RFC 3030), and
// the replies at its end, one for each recipient (RFC 2033, sections 4.2 and 4.3).

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugins/lmtpd/data_decoder.h"
#include "plugins/lmtpd/session.h"

namespace restante::lmtp {

v1::ClientInfo Session::ClientInfo() const {
  v1::ClientInfo client;
  client.set_remote_address(client_.Address());
  client.set_protocol("lmtp");
  client.set_tls(Secure());
  client.set_request_id(transaction_->request_id());
  return client;
}

void Session::BeginMessage() {
  v1::Envelope envelope = transaction_->MakeEnvelope(ClientInfo());
  transaction_->upload = std::make_unique<Upload>(storage_, std::move(envelope), MakeFields(),
                                                  settings_.max_message_octets);
}

TraceFields Session::MakeFields() const {
  if (!settings_.trace_fields.Any()) return {};
  const MailArguments& mail = transaction_->mail();
  return TraceFields(settings_.trace_fields, mail.sender.text,
                     {.hostname = settings_.hostname,
                      .client = client_,
                      .tls = connection_.tls() != nullptr,
                      .smtputf8 = mail.smtputf8,
                      .request_id = transaction_->request_id(),
                      .time = absl::Now()});
}

asio::awaitable<void> Session::Data() {
  if (transaction_ == nullptr) {
    Refuse(greeted_ ? reply::kMailFirst : reply::kLhloFirst);
    co_return;
  }
  if (transaction_->upload != nullptr || transaction_->chunk_failed) {
    Refuse(reply::kChunksUnderWay);
    co_return;
  }
  if (transaction_->accepted() == 0) {
    Refuse(reply::kNoRecipients);
    co_return;
  }
  Say(reply::kStartData);
  BeginMessage();
  Upload& upload = *transaction_->upload;
  DataDecoder decoder;
  while (!decoder.ended()) {
    InputBuffer& input = connection_.input();
    if (input.content().empty()) {
      const bool more = co_await Refill(settings_.data_timeout);
      if (!more) co_return;
    }
    input.Consume(decoder.Decode(input.content(), &upload.buffer()));
    if (upload.Full()) co_await upload.Send();
  }
  co_await FinishMessage();
}

asio::awaitable<void> Session::Bdat(BdatArguments bdat) {
  const Reply* refused = nullptr;
  if (transaction_ == nullptr) {
    refused = greeted_ ? &reply::kMailFirst : &reply::kLhloFirst;
  } else if (transaction_->chunk_failed) {
    refused = &reply::kChunksFailed;
  } else if (transaction_->accepted() == 0) {
    refused = &reply::kNoRecipients;
  } else if (transaction_->upload == nullptr) {
    BeginMessage();
  }

  // The chunk follows whether it is wanted or not.
  uint64_t missing = bdat.octets;
  while (missing > 0) {
    InputBuffer& input = connection_.input();
    if (input.content().empty()) {
      const bool more = co_await Refill(settings_.data_timeout);
      if (!more) co_return;
    }
    const std::string_view octets = input.content().substr(0, missing);
    if (refused == nullptr) transaction_->upload->buffer().append(octets);
    missing -= octets.size();
    input.Consume(octets.size());
    if (refused == nullptr && transaction_->upload->Full()) {
      co_await transaction_->upload->Send();
    }
  }

  if (refused != nullptr) {
    Refuse(*refused);
  } else if (bdat.last) {
    co_await FinishMessage();
  } else {
    transaction_->upload->CheckSize();
    const absl::Status failure = transaction_->upload->failure();
    Say(ReplyOf(failure, reply::kChunkTaken));
    // RFC 3030, section 2: after a chunk that failed only RSET helps.
    if (!failure.ok()) {
      transaction_->chunk_failed = true;
      transaction_->upload.reset();
    }
  }
}

asio::awaitable<void> Session::FinishMessage() {
  const std::vector<absl::Status> statuses = co_await transaction_->upload->Finish();
  const std::string text = absl::StrCat("Delivered, request ", transaction_->request_id());
  const Reply delivered{reply::kDelivered.code, reply::kDelivered.enhanced, text};
  std::vector<Reply> replies;
  replies.reserve(statuses.size());
  for (const absl::Status& status : statuses) {
    replies.push_back(ReplyOf(status, delivered));
    Say(replies.back());
    if (status.ok()) bad_commands_ = 0;
  }
  transaction_->LogMessageEnd(replies, transaction_->upload->octets());
  transaction_.reset();
}

}  // namespace restante::lmtp
