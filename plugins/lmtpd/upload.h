// One message on its way to the storage service. Gathers the octets that the session
// decodes; a message that fits one part goes over the shared stream when it is complete,
// a larger one over a stream of its own as it comes. Holds a part or two, whatever the
// message's size. Knows nothing of dots and chunks.
//
// Trace fields go on top. When they differ by recipient the message is a delivery for each,
// all over one stream of its own, part by part in turn, so that no more of it is held.
//
// After a failure it still takes octets, and forgets them: LMTP tells the outcome only
// at the end of the message.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "plugins/lmtpd/delivery_client.h"
#include "plugins/lmtpd/message_stream.h"
#include "plugins/lmtpd/trace_fields.h"

namespace restante::lmtp {

// The way to the storage service, of one io_context.
struct StorageAccess {
  asio::any_io_executor executor;
  DeadlineQueue& deadlines;
  DeliveryClient& client;
  MessageStreams& streams;
  std::chrono::milliseconds answer_within;
};

class Upload {
 public:
  // A message of at most so many octets travels in one part.
  static constexpr size_t kOnePartOctets = 128 * 1024;
  // Parts of larger ones.
  static constexpr size_t kPartOctets = 64 * 1024;

  // More than max_octets, without the trace fields, is TOO_LARGE.
  Upload(StorageAccess& storage, v1::Envelope envelope, TraceFields fields,
         uint64_t max_octets);

  // Append the next octets of the message here. While Full(), call Send() before more.
  std::string& buffer() { return buffer_; }
  bool Full() const { return buffer_.size() >= part_octets_; }
  asio::awaitable<void> Send();

  // The message is complete. One status per recipient of the envelope.
  asio::awaitable<std::vector<absl::Status>> Finish();

  // Makes failure() tell of a message that has become too large.
  void CheckSize();

  // Why no recipient will get the message, as far as is known before its end.
  const absl::Status& failure() const { return failure_; }

  // Of the client's message.
  uint64_t octets() const { return sent_octets_ + buffer_.size(); }

  // Ends a Send or Finish that waits for the storage service on the message's own stream.
  void Cancel();

 private:
  // Gives the envelope its delivery id, while the message's beginning is in the buffer.
  void Identify();
  // The trace fields of a delivery.
  std::string FieldsOf(size_t delivery) const;
  v1::Envelope EnvelopeOf(size_t delivery) const;
  // Sends the buffer to all deliveries that have no answer yet.
  asio::awaitable<void> SendPart(bool last);
  asio::awaitable<void> AwaitAnswer(size_t delivery);
  bool AllAnswered() const { return answered_ == answers_.size(); }
  void Fail(absl::Status status);

  StorageAccess& storage_;
  v1::Envelope envelope_;
  const TraceFields fields_;
  const size_t recipients_;
  const uint64_t max_octets_;
  // The recipients, if each is a delivery by itself: the envelope has none then.
  std::vector<std::string> each_;
  // By delivery, one status for each of its recipients; empty: none came yet.
  std::vector<std::vector<absl::Status>> answers_;
  size_t answered_ = 0;
  std::string buffer_;
  size_t part_octets_ = kOnePartOctets;
  uint64_t sent_octets_ = 0;
  std::unique_ptr<MessageStream> stream_;
  absl::Status failure_;
};

}  // namespace restante::lmtp
