// Errors as the whole of Restante speaks of them: an absl::Status whose code says
// what a generic caller may do, with a reason from proto/restante/v1/errors.proto
// that says why. One table maps reasons to what POP3 and LMTP clients are told.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "restante/v1/errors.pb.h"

namespace restante {

// An error with the status code that belongs to its reason. The message is for
// developers and operators; it never reaches a mail client.
absl::Status MakeError(v1::ErrorReason reason, absl::string_view message);

// OVERLOADED, with the time after which to try again.
absl::Status OverloadedError(absl::string_view message, absl::Duration retry_after);

// The reason of an error; UNSPECIFIED if it carries none.
v1::ErrorReason ReasonOf(const absl::Status& status);

// When to try again, if the error says so.
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

// Nothing happens to an OK status.
void SetRetryAfter(absl::Status& status, absl::Duration retry_after);

// Adds a fact that belongs to an error's reason, such as "limit_octets" of TOO_LARGE;
// errors.proto names them. Nothing happens to an OK status.
void SetErrorMetadata(absl::Status& status, absl::string_view key, absl::string_view value);

// All facts that were added, by key.
std::map<std::string, std::string> ErrorMetadataOf(const absl::Status& status);

// What a mail client is told. All strings are constants.
struct ClientReply {
  // The POP3 response code with its brackets and a space (RFC 2449, 3206), or
  // empty; and the text after it.
  absl::string_view pop3_code;
  absl::string_view pop3_text;
  // LMTP: the reply code, the enhanced status code (RFC 3463), and the text.
  int lmtp_code;
  absl::string_view lmtp_enhanced;
  absl::string_view lmtp_text;
};

// For an error without a reason: a temporary failure.
const ClientReply& ReplyFor(const absl::Status& status);

// The enum's name without its prefix, such as "IN_USE".
absl::string_view ReasonName(v1::ErrorReason reason);

}  // namespace restante
