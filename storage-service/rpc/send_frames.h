// Streams message bodies, for both methods that do. A frame is read from the store
// while the one before it is being written, and no further: a client that reads
// slowly makes the store read slowly.
#pragma once

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/service_context.h"
#include "storage-service/rpc/stream_call.h"

namespace restante::rpc {

// Response has `repeated ReadPiece pieces`. `parts` is how many were asked for.
template <typename Response>
Task<absl::Status> SendFrames(ServiceContext* context, absl::string_view method, size_t parts,
                              std::unique_ptr<store::MessageReader> reader,
                              ResponseWriter<Response>* writer) {
  bool writing = false;
  for (;;) {
    auto frame = co_await reader->Next();
    if (writing) {
      const bool written = co_await Written(writer);
      if (!written) co_return absl::CancelledError("the client has gone");
    }
    if (!frame.ok()) co_return frame.status();
    if (frame->empty()) co_return absl::OkStatus();
    const bool last = frame->back().last && frame->back().part + 1 == parts;
    Response response;
    for (store::ReadPiece& piece : *frame) {
      context->NoteResult(method, writer->request_id(), piece.error);
      ToProto(std::move(piece), response.add_pieces());
    }
    if (last) {
      writer->SetLast(std::move(response));
      co_return absl::OkStatus();
    }
    writer->StartWrite(response);
    writing = true;
  }
}

}  // namespace restante::rpc
