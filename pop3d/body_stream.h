// One MessagesService.Read call, as a session takes it: frame by frame, each asked
// for only when there is room for it. What a client doesn't read therefore stays
// with the storage service: at most two frames of about 64 KiB are here, the one
// that is being sent and, if the session asked ahead, the one that follows.
//
// All methods are of the session's thread.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <memory>

#include "absl/status/status.h"
#include "asio/awaitable.hpp"
#include "asio/executor_work_guard.hpp"
#include "asio/io_context.hpp"
#include "common/handover.h"
#include "pop3d/deadlines.h"
#include "pop3d/wakeup.h"
#include "restante/v1/messages.grpc.pb.h"

namespace restante::pop3 {

class BodyStream final : public grpc::ClientReadReactor<v1::ReadResponse> {
 public:
  static std::shared_ptr<BodyStream> Start(v1::MessagesService::Stub& stub,
                                           asio::io_context& context, v1::ReadRequest request);

  // Asks for the next frame without waiting for it.
  void AskAhead();

  // The next frame; OUT_OF_RANGE after the last; otherwise what ended the call, or
  // DEADLINE_EXCEEDED if no frame came within `patience`.
  asio::awaitable<absl::Status> Next(v1::ReadResponse* frame, Deadlines& deadlines,
                                     TimeSpan patience);

  // One of these has to be called before the session lets go of the stream, while
  // nobody waits in Next(). Cancel ends the call; Finish lets the service end it,
  // once every part has come.
  void Cancel();
  void Finish();

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  BodyStream(asio::io_context& context, v1::ReadRequest request);

  void TakeFrame(bool ok);
  void TakeEnd(const grpc::Status& status);

  asio::io_context& context_;
  // The context has to run until gRPC is done with this object.
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::shared_ptr<BodyStream> self_;
  grpc::ClientContext call_;
  const v1::ReadRequest request_;
  v1::ReadResponse frame_;
  Handover to_grpc_;

  enum class Frame { kNone, kAsked, kThere, kNoMore };
  Frame state_ = Frame::kNone;
  bool released_ = false;
  bool ended_ = false;
  absl::Status end_;
  Wakeup changed_;
};

}  // namespace restante::pop3
