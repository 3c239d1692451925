#include "storage-service/rpc/messages_service.h"

#include <string>
#include <utility>
#include <vector>

#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/send_frames.h"

namespace restante::rpc {
namespace {

Task<absl::Status> Read(ServiceContext* context, v1::ReadRequest* request,
                        ResponseWriter<v1::ReadResponse>* writer) {
  absl::StatusOr<std::vector<store::ReadPart>> parts = FromProto(request->parts());
  if (!parts.ok()) co_return parts.status();
  const size_t count = parts->size();
  std::string token = std::move(*request->mutable_session_token());
  auto reader = co_await context->store.messages().Read(std::move(token), *std::move(parts));
  if (!reader.ok()) co_return reader.status();
  absl::Status sent = co_await SendFrames(context, "Read", count, *std::move(reader), writer);
  co_return sent;
}

}  // namespace

void MessagesService::Serve(ServiceContext& context) {
  using Methods = v1::MessagesService::AsyncService;
  ServeStream(context, methods_, &Methods::RequestRead, "Read", Read);
}

}  // namespace restante::rpc
