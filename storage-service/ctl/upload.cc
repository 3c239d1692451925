#include "storage-service/ctl/upload.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "common/grpc_status.h"
#include "restante/v1/delivery.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

// The most that the contract allows in one part.
constexpr size_t kPartOctets = 256 * 1024;

using Stream = grpc::ClientReaderWriter<v1::DeliverStreamRequest, v1::DeliverStreamResponse>;

// Sends the message piece by piece, until its end or until `answered`: a service that
// has refused every recipient wants no more of it.
absl::Status SendMessage(Stream* stream, std::string first, InputFile* file,
                         v1::Envelope envelope, const absl::Notification* answered) {
  v1::DeliverStreamRequest request;
  v1::DeliveryPart* part = request.add_parts();
  part->set_id(1);
  *part->mutable_envelope() = std::move(envelope);
  absl::StatusOr<std::string> data = std::move(first);
  for (bool last = false; !last && !answered->HasBeenNotified();) {
    last = data->empty();
    part->set_data(*std::move(data));
    part->set_last(last);
    if (!stream->Write(request)) break;
    part->clear_envelope();
    if (last) break;
    data = file->Read(kPartOctets);
    if (!data.ok()) return data.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::DeliverResponse> UploadStream(const Session& session, std::string first,
                                                 InputFile* file, v1::Envelope envelope) {
  const auto stub = v1::DeliveryService::NewStub(session.channel());
  const auto context = session.LongCall();
  const std::unique_ptr<Stream> stream = stub->DeliverStream(context.get());

  // The answer may come before the end of the message, so it is awaited beside.
  std::optional<v1::DeliveryResult> result;
  absl::Notification answered;
  std::thread reader([&stream, &result, &answered] {
    v1::DeliverStreamResponse response;
    while (stream->Read(&response)) {
      if (response.results_size() > 0 && !result.has_value()) {
        result = response.results(0);
        break;
      }
    }
    answered.Notify();
  });
  const absl::Status sent =
      SendMessage(stream.get(), std::move(first), file, std::move(envelope), &answered);
  if (!sent.ok()) context->TryCancel();
  reader.join();
  if (!sent.ok()) {
    static_cast<void>(stream->Finish());
    return sent;
  }
  if (!result.has_value()) {
    const absl::Status status = FromGrpcStatus(stream->Finish());
    if (!status.ok()) return status;
    return RefusedError("the service ended the delivery without an answer");
  }
  // Nothing more is said on either side.
  context->TryCancel();
  static_cast<void>(stream->Finish());
  if (result->has_error()) return FromRpcStatus(result->error());
  return std::move(*result->mutable_delivered());
}

}  // namespace

absl::StatusOr<v1::DeliverResponse> Upload(const Session& session, InputFile* file,
                                           v1::Envelope envelope) {
  std::string message;
  while (message.size() < kPartOctets) {
    absl::StatusOr<std::string> data = file->Read(kPartOctets - message.size());
    if (!data.ok()) return data.status();
    if (data->empty()) {
      v1::DeliverRequest request;
      *request.mutable_envelope() = std::move(envelope);
      request.set_message(std::move(message));
      v1::DeliverResponse response;
      const auto context = session.LongCall();
      const absl::Status status =
          FromGrpcStatus(v1::DeliveryService::NewStub(session.channel())
                             ->Deliver(context.get(), request, &response));
      if (!status.ok()) return status;
      return response;
    }
    message += *data;
  }
  return UploadStream(session, std::move(message), file, std::move(envelope));
}

}  // namespace restante::ctl
