// A DeliverStream of its own for one message that is too large for the shared one, or that
// each recipient gets with fields of its own, so that gRPC's flow control for
// this message holds up this session alone: a part is taken only once gRPC has let go of
// the one before.
//
// Used on one io_context's thread; callbacks of gRPC only post there.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "plugins/lmtpd/deadlines.h"
#include "restante/v1/delivery.grpc.pb.h"

namespace restante::lmtp {

class MessageStream;

// Opens them, on a connection apart from the shared stream's.
class MessageStreams {
 public:
  explicit MessageStreams(const std::shared_ptr<grpc::ChannelInterface>& channel);
  // Waits until gRPC has let go of all streams, which must have been destroyed.
  ~MessageStreams();

  // For so many deliveries, with ids from 1 on. Waits longer than `within`, for a part to
  // leave or for a result, end the stream.
  std::unique_ptr<MessageStream> Open(asio::any_io_executor executor, DeadlineQueue& deadlines,
                                      std::chrono::milliseconds within, size_t deliveries);

 private:
  friend class MessageStream;
  const std::unique_ptr<v1::DeliveryService::Stub> stub_;
  absl::Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

class MessageStream {
 public:
  // Tells the storage service to forget deliveries that aren't complete.
  ~MessageStream();

  // The next part of a delivery; its first has the envelope. Returns once the part before
  // has left. False if the delivery has a result already, or will have none: Result() tells
  // at once. Nothing may follow the last part of the delivery with the highest id.
  asio::awaitable<bool> Write(v1::DeliveryPart part);

  // After a delivery's last part, or a Write that failed. An error if the stream broke.
  asio::awaitable<v1::DeliveryResult> Result(uint64_t id);

  // Ends whatever waits, with an error.
  void Cancel();

 private:
  friend class MessageStreams;
  class Call;
  struct Events;

  MessageStream(MessageStreams& streams, asio::any_io_executor executor,
                DeadlineQueue& deadlines, std::chrono::milliseconds within, size_t deliveries);

  // Something has happened: a part has left, or there are results. AwaitEvent cancels
  // the stream if that takes too long.
  asio::awaitable<void> AwaitEvent();
  asio::awaitable<void> NextEvent();

  const std::shared_ptr<Events> events_;
  // Deletes itself when gRPC is done with it, not before this has let go of its hold.
  Call* const call_;
  const std::chrono::milliseconds within_;
  Deadline deadline_;
};

}  // namespace restante::lmtp
