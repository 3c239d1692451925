#include "plugins/lmtpd/upload.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "plugins/lmtpd/delivery_id.h"
#include "plugins/lmtpd/input_buffer.h"

namespace restante::lmtp {

Upload::Upload(StorageAccess& storage, v1::Envelope envelope, TraceFields fields,
               uint64_t max_octets)
    : storage_(storage),
      envelope_(std::move(envelope)),
      fields_(std::move(fields)),
      recipients_(static_cast<size_t>(envelope_.recipients_size())),
      max_octets_(max_octets) {
  if (fields_.DifferByRecipient() && recipients_ > 1) {
    each_.assign(std::move_iterator(envelope_.mutable_recipients()->begin()),
                 std::move_iterator(envelope_.mutable_recipients()->end()));
    envelope_.clear_recipients();
  }
  answers_.resize(each_.empty() ? 1 : each_.size());
  // A declared size spares the copies of a growing buffer.
  buffer_.reserve(std::min<uint64_t>(envelope_.declared_octets(), kOnePartOctets));
}

asio::awaitable<void> Upload::Send() {
  CheckSize();
  if (!failure_.ok() || AllAnswered()) {
    sent_octets_ += buffer_.size();
    buffer_.clear();
    co_return;
  }
  co_await SendPart(/*last=*/false);
  part_octets_ = kPartOctets;
  buffer_.reserve(kPartOctets + InputBuffer::kOctets);
}

asio::awaitable<std::vector<absl::Status>> Upload::Finish() {
  CheckSize();
  if (failure_.ok() && stream_ == nullptr && each_.empty()) {
    Identify();
    sent_octets_ = buffer_.size();
    std::string message = std::exchange(buffer_, {});
    message.insert(0, FieldsOf(0));
    std::vector<absl::Status> statuses =
        co_await storage_.client.Deliver(std::move(envelope_), std::move(message));
    co_return statuses;
  }
  if (failure_.ok() && !AllAnswered()) co_await SendPart(/*last=*/true);
  for (size_t i = 0; i < answers_.size() && failure_.ok(); ++i) {
    if (answers_[i].empty()) co_await AwaitAnswer(i);
  }
  if (!failure_.ok()) co_return std::vector<absl::Status>(recipients_, failure_);
  std::vector<absl::Status> statuses;
  statuses.reserve(recipients_);
  for (std::vector<absl::Status>& answer : answers_) {
    std::move(answer.begin(), answer.end(), std::back_inserter(statuses));
  }
  co_return statuses;
}

asio::awaitable<void> Upload::SendPart(bool last) {
  const bool first = stream_ == nullptr;
  if (first) {
    Identify();
    stream_ = storage_.streams.Open(storage_.executor, storage_.deadlines,
                                    storage_.answer_within, answers_.size());
  }
  sent_octets_ += buffer_.size();
  std::string data = std::exchange(buffer_, {});
  for (size_t i = 0; i < answers_.size() && failure_.ok(); ++i) {
    if (!answers_[i].empty()) continue;
    v1::DeliveryPart part;
    part.set_id(i + 1);
    part.set_last(last);
    *part.mutable_data() = i + 1 < answers_.size() ? data : std::move(data);
    if (first) {
      *part.mutable_envelope() = EnvelopeOf(i);
      part.mutable_data()->insert(0, FieldsOf(i));
    }
    const bool taken = co_await stream_->Write(std::move(part));
    if (!taken) co_await AwaitAnswer(i);
  }
}

asio::awaitable<void> Upload::AwaitAnswer(size_t delivery) {
  const v1::DeliveryResult result = co_await stream_->Result(delivery + 1);
  if (each_.empty() && result.has_error()) {
    Fail(StatusesOf(result, 1).front());
    co_return;
  }
  answers_[delivery] = StatusesOf(result, each_.empty() ? recipients_ : 1);
  ++answered_;
}

std::string Upload::FieldsOf(size_t delivery) const {
  if (!each_.empty()) return fields_.For(each_[delivery]);
  return fields_.For(recipients_ == 1 ? envelope_.recipients(0) : "");
}

v1::Envelope Upload::EnvelopeOf(size_t delivery) const {
  v1::Envelope envelope = envelope_;
  if (!each_.empty()) envelope.add_recipients(each_[delivery]);
  return envelope;
}

void Upload::Identify() { envelope_.set_delivery_id(DeliveryId(envelope_.sender(), buffer_)); }

void Upload::CheckSize() {
  if (!failure_.ok() || octets() <= max_octets_) return;
  Fail(MakeError(v1::ERROR_REASON_TOO_LARGE,
                 absl::StrCat("over max_message_octets, ", max_octets_)));
}

void Upload::Fail(absl::Status status) {
  failure_ = std::move(status);
  stream_.reset();
}

void Upload::Cancel() {
  if (stream_ != nullptr) stream_->Cancel();
}

}  // namespace restante::lmtp
