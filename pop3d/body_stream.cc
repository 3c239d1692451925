#include "pop3d/body_stream.h"

#include <utility>

#include "asio/post.hpp"
#include "common/grpc_status.h"

namespace restante::pop3 {

std::shared_ptr<BodyStream> BodyStream::Start(v1::MessagesService::Stub& stub,
                                              asio::io_context& context,
                                              v1::ReadRequest request) {
  std::shared_ptr<BodyStream> stream(new BodyStream(context, std::move(request)));
  stream->self_ = stream;
  stub.async()->Read(&stream->call_, &stream->request_, stream.get());
  // Until no more reads are started: they come from another thread than gRPC's.
  stream->AddHold();
  stream->AskAhead();
  stream->StartCall();
  return stream;
}

BodyStream::BodyStream(asio::io_context& context, v1::ReadRequest request)
    : context_(context), work_(asio::make_work_guard(context)), request_(std::move(request)) {}

void BodyStream::AskAhead() {
  if (state_ != Frame::kNone || released_) return;
  state_ = Frame::kAsked;
  to_grpc_.Give();
  StartRead(&frame_);
}

asio::awaitable<absl::Status> BodyStream::Next(v1::ReadResponse* frame, Deadlines& deadlines,
                                               TimeSpan patience) {
  AskAhead();
  if (state_ == Frame::kAsked || (state_ == Frame::kNoMore && !ended_)) {
    bool late = false;
    Deadline deadline(deadlines, [&] {
      late = true;
      changed_.Notify();
    });
    deadline.SetAfter(patience);
    while (!late && (state_ == Frame::kAsked || (state_ == Frame::kNoMore && !ended_))) {
      co_await changed_.Wait();
    }
    if (late && state_ != Frame::kThere) {
      co_return absl::DeadlineExceededError("no frame came in time");
    }
  }
  if (state_ == Frame::kNoMore) {
    if (end_.ok()) co_return absl::OutOfRangeError("no more frames");
    co_return end_;
  }
  frame->Swap(&frame_);
  frame_.Clear();
  state_ = Frame::kNone;
  co_return absl::OkStatus();
}

void BodyStream::Finish() {
  AskAhead();
  if (state_ == Frame::kThere) {
    Cancel();
  } else {
    released_ = true;
  }
}

void BodyStream::Cancel() {
  if (released_) return;
  released_ = true;
  call_.TryCancel();
  if (state_ == Frame::kThere) frame_ = v1::ReadResponse();
  // With a frame on its way, the hold goes when that has come.
  if (state_ == Frame::kNone || state_ == Frame::kThere) RemoveHold();
}

void BodyStream::OnReadDone(bool ok) {
  to_grpc_.Take();
  asio::post(context_, [self = self_, ok] { self->TakeFrame(ok); });
}

void BodyStream::TakeFrame(bool ok) {
  state_ = ok ? Frame::kThere : Frame::kNoMore;
  if (ok && released_) call_.TryCancel();
  if (!ok || released_) RemoveHold();
  changed_.Notify();
}

void BodyStream::OnDone(const grpc::Status& status) {
  to_grpc_.Take();
  asio::post(context_, [self = self_, status] { self->TakeEnd(status); });
}

void BodyStream::TakeEnd(const grpc::Status& status) {
  ended_ = true;
  end_ = FromGrpcStatus(status);
  work_.reset();
  self_.reset();
  changed_.Notify();
}

}  // namespace restante::pop3
