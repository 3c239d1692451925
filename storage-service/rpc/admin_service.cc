#include "storage-service/rpc/admin_service.h"

#include <memory>
#include <utility>

#include "common/errors.h"
#include "common/program.h"
#include "storage-service/rpc/finding_queue.h"
#include "storage-service/rpc/stream_call.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {
namespace {

// Ends with the scan, also when the client has gone before.
Task<absl::Status> Verify(ServiceContext* context, v1::VerifyRequest* request,
                          ResponseWriter<v1::VerifyResponse>* writer) {
  if (request->expunge_unreadable() && !request->repair()) {
    co_return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                        "expunge_unreadable: only a repair expunges");
  }
  const auto findings = std::make_shared<FindingQueue>();
  Spawn<absl::StatusOr<store::VerifySummary>>(
      context->store.Verify(
          {request->read_bodies(), request->repair(), request->expunge_unreadable()},
          [findings](store::VerifyFinding finding) { findings->Report(std::move(finding)); }),
      [findings](absl::StatusOr<store::VerifySummary> summary) {
        findings->End(std::move(summary));
      });
  bool gone = false;
  for (;;) {
    auto item = co_await findings->Next();
    if (!item.has_value()) break;
    if (gone) continue;
    writer->StartWrite(*item);
    const bool written = co_await Written(writer);
    if (written) continue;
    gone = true;
    findings->Discard();
  }
  co_return findings->status();
}

Task<absl::Status> GetStats(ServiceContext* context, v1::GetStatsRequest* /*request*/,
                            v1::GetStatsResponse* response) {
  auto& values = *response->mutable_values();
  for (const auto& [name, value] : context->store.Stats()) values[name] = value;
  for (const auto& [name, value] : context->counters.Values()) values[name] = value;
  response->set_version(kVersion);
  co_return absl::OkStatus();
}

}  // namespace

void AdminService::Serve(ServiceContext& context) {
  using Methods = v1::AdminService::AsyncService;
  ServeStream(context, methods_, &Methods::RequestVerify, "Verify", Verify);
  ServeUnary(context, methods_, &Methods::RequestGetStats, "GetStats", GetStats);
}

}  // namespace restante::rpc
