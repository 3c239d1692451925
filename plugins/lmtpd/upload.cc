#include "plugins/lmtpd/upload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "plugins/lmtpd/delivery_id.h"
#include "plugins/lmtpd/input_buffer.h"

namespace restante::lmtp {

Upload::Upload(StorageAccess& storage, v1::Envelope envelope, uint64_t max_octets)
    : storage_(storage),
      envelope_(std::move(envelope)),
      recipients_(static_cast<size_t>(envelope_.recipients_size())),
      max_octets_(max_octets) {
  // A declared size spares the copies of a growing buffer.
  buffer_.reserve(std::min<uint64_t>(envelope_.declared_octets(), kOnePartOctets));
}

asio::awaitable<void> Upload::Send() {
  CheckSize();
  if (!failure_.ok() || !early_statuses_.empty()) {
    sent_octets_ += buffer_.size();
    buffer_.clear();
    co_return;
  }
  v1::DeliveryPart part = TakePart();
  co_await WritePart(std::move(part));
  part_octets_ = kPartOctets;
  buffer_.reserve(kPartOctets + InputBuffer::kOctets);
}

asio::awaitable<std::vector<absl::Status>> Upload::Finish() {
  CheckSize();
  if (!failure_.ok()) co_return std::vector<absl::Status>(recipients_, failure_);
  if (!early_statuses_.empty()) co_return early_statuses_;
  if (stream_ == nullptr) {
    Identify();
    sent_octets_ = buffer_.size();
    std::string message = std::exchange(buffer_, {});
    std::vector<absl::Status> statuses =
        co_await storage_.client.Deliver(std::move(envelope_), std::move(message));
    co_return statuses;
  }
  v1::DeliveryPart part = TakePart();
  part.set_last(true);
  co_await WritePart(std::move(part));
  if (!failure_.ok()) co_return std::vector<absl::Status>(recipients_, failure_);
  if (!early_statuses_.empty()) co_return early_statuses_;
  const v1::DeliveryResult result = co_await stream_->Result();
  co_return StatusesOf(result, recipients_);
}

v1::DeliveryPart Upload::TakePart() {
  v1::DeliveryPart part;
  part.set_id(1);
  if (sent_octets_ == 0) {
    Identify();
    *part.mutable_envelope() = std::move(envelope_);
  }
  sent_octets_ += buffer_.size();
  *part.mutable_data() = std::exchange(buffer_, {});
  return part;
}

asio::awaitable<void> Upload::WritePart(v1::DeliveryPart part) {
  if (stream_ == nullptr) {
    stream_ =
        storage_.streams.Open(storage_.executor, storage_.deadlines, storage_.answer_within);
  }
  const bool taken = co_await stream_->Write(std::move(part));
  if (taken) co_return;
  const v1::DeliveryResult result = co_await stream_->Result();
  if (result.has_error()) {
    Fail(StatusesOf(result, 1).front());
  } else {
    early_statuses_ = StatusesOf(result, recipients_);
    stream_.reset();
  }
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
