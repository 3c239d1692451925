#include "storage-service/ctl/exit_codes.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/ctl/format.h"

namespace restante::ctl {
namespace {

// Marks statuses that were made here and aren't the service's.
constexpr char kOrigin[] = "restantectl";
constexpr char kUsageMark[] = "usage";
constexpr char kRefusedMark[] = "refused";

absl::Status Marked(absl::string_view message, absl::string_view mark) {
  absl::Status status = absl::FailedPreconditionError(message);
  status.SetPayload(kOrigin, absl::Cord(mark));
  return status;
}

}  // namespace

absl::Status UsageError(absl::string_view message) { return Marked(message, kUsageMark); }

absl::Status RefusedError(absl::string_view message) { return Marked(message, kRefusedMark); }

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kOk;
  if (const auto mark = status.GetPayload(kOrigin))
    return *mark == kUsageMark ? kUsage : kRefused;
  if (absl::IsDeadlineExceeded(status)) return kUnreachable;
  const bool transport = absl::IsUnavailable(status) || absl::IsCancelled(status);
  return transport && ReasonOf(status) == v1::ERROR_REASON_UNSPECIFIED ? kUnreachable
                                                                       : kRefused;
}

std::string ErrorLine(const absl::Status& status, absl::string_view server) {
  const std::string message = Printable(status.message());
  if (ExitCodeOf(status) == kUnreachable) {
    return absl::IsDeadlineExceeded(status)
               ? absl::StrCat("no answer from the storage service at ", server, " in time")
               : absl::StrCat("can't reach the storage service at ", server, ": ", message);
  }
  const v1::ErrorReason reason = ReasonOf(status);
  if (reason == v1::ERROR_REASON_UNSPECIFIED) return message;
  return absl::StrCat(message, " (", ReasonName(reason), ")");
}

}  // namespace restante::ctl
