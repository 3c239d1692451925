// One call that streams message bodies, for both services that have one. A frame
// is read from the store while the one before it is being written, and no further:
// a client that reads slowly makes the store read slowly.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/grpc_status.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/service_context.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {

// Response has `repeated ReadPiece pieces`. Deletes itself when gRPC is done with
// the call, which isn't before the call is finished, and that is the last thing
// that its task does: cancelling never leaves the task without its call.
template <typename Response>
class ReadCall final : public grpc::ServerWriteReactor<Response> {
 public:
  using Opening = Task<absl::StatusOr<std::unique_ptr<store::MessageReader>>>;

  // `parts` is how many were asked for; `method` is a constant.
  static ReadCall* Start(ServiceContext& context, grpc::CallbackServerContext* call,
                         absl::string_view method, size_t parts, Opening opening) {
    auto* read = new ReadCall(context, call, method, parts);
    Spawn<absl::Status>(read->Stream(std::move(opening)),
                        [read](absl::Status status) { read->End(status); });
    return read;
  }

  // A call that fails at once.
  static ReadCall* Refuse(ServiceContext& context, grpc::CallbackServerContext* call,
                          absl::string_view method, const absl::Status& status) {
    auto* read = new ReadCall(context, call, method, 0);
    read->End(status);
    return read;
  }

  void OnWriteDone(bool ok) override {
    Done<bool> waiter;
    {
      absl::MutexLock lock(&mutex_);
      if (!waiter_) {
        written_ = ok;
        return;
      }
      waiter = std::move(waiter_);
      waiter_ = nullptr;
    }
    std::move(waiter)(ok);
  }

  void OnDone() override { delete this; }

 private:
  ReadCall(ServiceContext& context, grpc::CallbackServerContext* call, absl::string_view method,
           size_t parts)
      : context_(context),
        hold_(context.work.Begin()),
        method_(method),
        request_id_(RequestIdOf(*call)),
        call_(call),
        parts_(parts) {
    context_.counters.calls.fetch_add(1, std::memory_order_relaxed);
  }

  Task<absl::Status> Stream(Opening opening) {
    auto reader = co_await opening;
    if (!reader.ok()) co_return reader.status();
    bool writing = false;
    for (size_t turn = 0;; ++turn) {
      auto frame = co_await (*reader)->Next();
      if (frame.ok()) {
        for (const store::ReadPiece& piece : *frame) {
          context_.NoteResult(method_, request_id_, piece.error);
        }
      }
      if (writing) {
        auto write = Await<bool>([this](Done<bool> done) { AwaitWrite(std::move(done)); });
        const bool written = co_await write;
        if (!written) co_return absl::CancelledError("the client has gone");
      }
      if (!frame.ok()) co_return frame.status();
      if (frame->empty()) co_return absl::OkStatus();
      if (call_->IsCancelled()) co_return absl::CancelledError("the client has gone");
      context_.counters.read_frames.fetch_add(1, std::memory_order_relaxed);
      const bool last = frame->back().last && frame->back().part + 1 == parts_;
      Response& response = frames_[turn % frames_.size()];
      response.clear_pieces();
      for (store::ReadPiece& piece : *frame) {
        ToProto(std::move(piece), response.add_pieces());
      }
      if (last) {
        last_frame_ = &response;
        co_return absl::OkStatus();
      }
      this->StartWrite(&response);
      writing = true;
    }
  }

  // Calls `done` when the write under way is over.
  void AwaitWrite(Done<bool> done) {
    bool ok = false;
    {
      absl::MutexLock lock(&mutex_);
      if (!written_.has_value()) {
        waiter_ = std::move(done);
        return;
      }
      ok = *written_;
      written_.reset();
    }
    std::move(done)(ok);
  }

  // The last frame leaves together with the status: one packet, one wake-up.
  void End(const absl::Status& status) {
    context_.NoteResult(method_, request_id_, status);
    if (last_frame_ != nullptr) {
      this->StartWriteAndFinish(last_frame_, grpc::WriteOptions(), ToGrpcStatus(status));
    } else {
      this->Finish(ToGrpcStatus(status));
    }
  }

  ServiceContext& context_;
  const WorkTracker::Hold hold_;
  const absl::string_view method_;
  const std::string request_id_;
  grpc::CallbackServerContext* const call_;
  const size_t parts_;

  // gRPC reads a frame until its write is done; the next is built beside it.
  std::array<Response, 2> frames_;
  Response* last_frame_ = nullptr;

  absl::Mutex mutex_;
  std::optional<bool> written_ ABSL_GUARDED_BY(mutex_);
  Done<bool> waiter_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::rpc
