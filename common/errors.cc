#include "common/errors.h"

#include <map>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace restante {
namespace {

constexpr absl::string_view kReasonPayload = "restante/reason";
constexpr absl::string_view kRetryPayload = "restante/retry-ms";

constexpr absl::string_view kMetadataPayload = "restante/metadata/";

constexpr absl::string_view kSysTemp = "[SYS/TEMP] ";
constexpr absl::string_view kTryLater = "Temporary failure, please try again later.";

struct Entry {
  v1::ErrorReason reason;
  absl::StatusCode code;
  ClientReply reply;
};

using absl::StatusCode;

// An AUTH code tells a client to ask its user for the password again; SYS/TEMP
// tells it to come back later with the same one (RFC 3206).
constexpr Entry kTable[] = {
    {v1::ERROR_REASON_UNSPECIFIED,
     StatusCode::kUnknown,
     {kSysTemp, kTryLater, 451, "4.3.0", kTryLater}},
    {v1::ERROR_REASON_INVALID_REQUEST,
     StatusCode::kInvalidArgument,
     {kSysTemp, kTryLater, 451, "4.3.0", kTryLater}},
    {v1::ERROR_REASON_BAD_CREDENTIALS,
     StatusCode::kUnauthenticated,
     {"[AUTH] ", "Authentication failed.", 535, "5.7.8", "Authentication failed."}},
    {v1::ERROR_REASON_ACCOUNT_DISABLED,
     StatusCode::kPermissionDenied,
     {"[SYS/PERM] ", "This account is disabled.", 550, "5.2.1", "Mailbox disabled."}},
    {v1::ERROR_REASON_BAD_TOKEN,
     StatusCode::kUnauthenticated,
     {kSysTemp, kTryLater, 451, "4.3.0", kTryLater}},
    {v1::ERROR_REASON_IN_USE,
     StatusCode::kFailedPrecondition,
     {"[IN-USE] ", "The maildrop is locked by another session.", 451, "4.2.0", kTryLater}},
    {v1::ERROR_REASON_LEASE_LOST,
     StatusCode::kAborted,
     {kSysTemp, "The session has lost the maildrop; nothing was deleted.", 451, "4.3.0",
      kTryLater}},
    {v1::ERROR_REASON_NO_SUCH_ACCOUNT,
     StatusCode::kNotFound,
     {kSysTemp, kTryLater, 550, "5.1.1", "No such recipient."}},
    {v1::ERROR_REASON_NO_SUCH_MAILBOX,
     StatusCode::kNotFound,
     {kSysTemp, kTryLater, 550, "5.1.1", "No such mailbox."}},
    {v1::ERROR_REASON_NO_SUCH_MESSAGE,
     StatusCode::kNotFound,
     {"", "This message is no longer there.", 451, "4.3.0", kTryLater}},
    {v1::ERROR_REASON_ACCOUNT_EXISTS,
     StatusCode::kAlreadyExists,
     {kSysTemp, kTryLater, 451, "4.3.0", kTryLater}},
    {v1::ERROR_REASON_OVER_QUOTA,
     StatusCode::kResourceExhausted,
     {kSysTemp, kTryLater, 452, "4.2.2", "Mailbox full."}},
    {v1::ERROR_REASON_TOO_LARGE,
     StatusCode::kInvalidArgument,
     {kSysTemp, kTryLater, 552, "5.3.4", "Message too large."}},
    {v1::ERROR_REASON_STORE_FULL,
     StatusCode::kResourceExhausted,
     {kSysTemp, kTryLater, 452, "4.3.1", "Insufficient system storage."}},
    {v1::ERROR_REASON_OVERLOADED,
     StatusCode::kResourceExhausted,
     {kSysTemp, kTryLater, 451, "4.3.2", "Too busy, please try again later."}},
    {v1::ERROR_REASON_WRONG_OWNER,
     StatusCode::kFailedPrecondition,
     {kSysTemp, kTryLater, 451, "4.3.0", kTryLater}},
    {v1::ERROR_REASON_CORRUPT,
     StatusCode::kDataLoss,
     {"[SYS/PERM] ", "This message can't be read.", 451, "4.3.0", kTryLater}},
    {v1::ERROR_REASON_STORE_FAILURE,
     StatusCode::kUnavailable,
     {kSysTemp, kTryLater, 451, "4.3.0", kTryLater}},
    {v1::ERROR_REASON_BAD_ADDRESS,
     StatusCode::kInvalidArgument,
     {"[AUTH] ", "Authentication failed.", 550, "5.1.3", "Bad recipient address."}},
    {v1::ERROR_REASON_LOGIN_DELAY,
     StatusCode::kFailedPrecondition,
     {"[LOGIN-DELAY] ", "Too soon after the last login, please try again later.", 451, "4.2.0",
      kTryLater}},
    {v1::ERROR_REASON_CHANGES_TRIMMED,
     StatusCode::kOutOfRange,
     {kSysTemp, kTryLater, 451, "4.3.0", kTryLater}},
    {v1::ERROR_REASON_MAILBOX_EXISTS,
     StatusCode::kAlreadyExists,
     {kSysTemp, kTryLater, 451, "4.3.0", kTryLater}},
    {v1::ERROR_REASON_MAILBOX_HAS_CHILDREN,
     StatusCode::kFailedPrecondition,
     {kSysTemp, kTryLater, 451, "4.3.0", kTryLater}},
    // An operator's mistake, to be mended while the sender keeps the message.
    {v1::ERROR_REASON_BAD_ALIAS,
     StatusCode::kFailedPrecondition,
     {kSysTemp, kTryLater, 451, "4.3.5", kTryLater}},
    // Not AUTH, which would have clients ask for another password (RFC 3206).
    {v1::ERROR_REASON_PROTOCOL_DISABLED,
     StatusCode::kPermissionDenied,
     {"[SYS/PERM] ", "This protocol is switched off for this account.", 451, "4.3.0",
      kTryLater}},
    {v1::ERROR_REASON_NO_SUCH_ALIAS,
     StatusCode::kNotFound,
     {kSysTemp, kTryLater, 451, "4.3.0", kTryLater}},
};

const Entry& EntryFor(v1::ErrorReason reason) {
  for (const Entry& entry : kTable) {
    if (entry.reason == reason) return entry;
  }
  return kTable[0];
}

}  // namespace

absl::Status MakeError(v1::ErrorReason reason, absl::string_view message) {
  absl::Status status(EntryFor(reason).code, message);
  status.SetPayload(kReasonPayload, absl::Cord(ReasonName(reason)));
  return status;
}

absl::Status OverloadedError(absl::string_view message, absl::Duration retry_after) {
  absl::Status status = MakeError(v1::ERROR_REASON_OVERLOADED, message);
  SetRetryAfter(status, retry_after);
  return status;
}

void SetRetryAfter(absl::Status& status, absl::Duration retry_after) {
  status.SetPayload(kRetryPayload,
                    absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(retry_after))));
}

v1::ErrorReason ReasonOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kReasonPayload);
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  if (payload.has_value()) {
    v1::ErrorReason_Parse(absl::StrCat("ERROR_REASON_", std::string(*payload)), &reason);
  }
  return reason;
}

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kRetryPayload);
  int64_t milliseconds = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &milliseconds)) {
    return std::nullopt;
  }
  return absl::Milliseconds(milliseconds);
}

void SetErrorMetadata(absl::Status& status, absl::string_view key, absl::string_view value) {
  status.SetPayload(absl::StrCat(kMetadataPayload, key), absl::Cord(value));
}

std::map<std::string, std::string> ErrorMetadataOf(const absl::Status& status) {
  std::map<std::string, std::string> metadata;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& value) {
    if (absl::ConsumePrefix(&url, kMetadataPayload)) {
      metadata.emplace(std::string(url), std::string(value));
    }
  });
  return metadata;
}

const ClientReply& ReplyFor(const absl::Status& status) {
  return EntryFor(ReasonOf(status)).reply;
}

absl::string_view ReasonName(v1::ErrorReason reason) {
  return absl::StripPrefix(v1::ErrorReason_Name(reason), "ERROR_REASON_");
}

}  // namespace restante
