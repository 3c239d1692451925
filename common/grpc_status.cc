#include "common/grpc_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/config.h"
#include "common/errors.h"
#include "google/protobuf/stubs/common.h"
#include "google/rpc/error_details.pb.h"

namespace restante {
namespace {

constexpr char kDomain[] = "restante";

std::string Utf8(absl::string_view text) {
  const google::protobuf::StringPiece octets(text.data(), text.size());
  std::string coerced(text.size(), '\0');
  const char* valid =
      google::protobuf::internal::UTF8CoerceToStructurallyValid(octets, coerced.data(), '?');
  return std::string(valid, text.size());
}

void CopyPayloads(const absl::Status& from, absl::Status& to) {
  from.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& value) { to.SetPayload(url, value); });
}

// Reasons that a newer service may know and this program doesn't leave the code
// alone: it still says what a generic caller may do.
void ReadErrorInfo(const google::rpc::ErrorInfo& info, absl::Status& status) {
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  if (info.domain() == kDomain &&
      v1::ErrorReason_Parse(absl::StrCat("ERROR_REASON_", info.reason()), &reason)) {
    CopyPayloads(MakeError(reason, ""), status);
  }
  for (const auto& [key, value] : info.metadata()) SetErrorMetadata(status, key, value);
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status result;
  result.set_code(static_cast<int>(status.code()));
  if (status.ok()) return result;
  result.set_message(Utf8(status.message()));

  const v1::ErrorReason reason = ReasonOf(status);
  if (reason != v1::ERROR_REASON_UNSPECIFIED) {
    google::rpc::ErrorInfo info;
    info.set_domain(kDomain);
    const absl::string_view name = ReasonName(reason);
    info.set_reason(name.data(), name.size());
    for (const auto& [key, value] : ErrorMetadataOf(status)) {
      (*info.mutable_metadata())[Utf8(key)] = Utf8(value);
    }
    result.add_details()->PackFrom(info);
  }
  if (const auto retry_after = RetryAfterOf(status); retry_after.has_value()) {
    google::rpc::RetryInfo retry;
    const int64_t milliseconds = absl::ToInt64Milliseconds(*retry_after);
    retry.mutable_retry_delay()->set_seconds(milliseconds / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(milliseconds % 1000) *
                                           1'000'000);
    result.add_details()->PackFrom(retry);
  }
  return result;
}

absl::Status FromRpcStatus(const google::rpc::Status& status) {
  if (status.code() == 0) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.code()), status.message());
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&info)) {
      ReadErrorInfo(info, result);
    } else if (detail.UnpackTo(&retry)) {
      SetRetryAfter(result, FromProto(retry.retry_delay()));
    }
  }
  return result;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status details = ToRpcStatus(status);
  return grpc::Status(static_cast<grpc::StatusCode>(details.code()), details.message(),
                      details.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details()) &&
      details.code() == static_cast<int>(status.error_code())) {
    return FromRpcStatus(details);
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

}  // namespace restante
