#include "storage-service/rpc/messages_service.h"

#include <utility>

#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/read_call.h"

namespace restante::rpc {

grpc::ServerWriteReactor<v1::ReadResponse>* MessagesService::Read(
    grpc::CallbackServerContext* call, const v1::ReadRequest* request) {
  absl::StatusOr<std::vector<store::ReadPart>> parts = FromProto(request->parts());
  if (!parts.ok()) {
    return ReadCall<v1::ReadResponse>::Refuse(context_, call, "Read", parts.status());
  }
  const size_t count = parts->size();
  return ReadCall<v1::ReadResponse>::Start(
      context_, call, "Read", count,
      context_.store.messages().Read(request->session_token(), *std::move(parts)));
}

}  // namespace restante::rpc
