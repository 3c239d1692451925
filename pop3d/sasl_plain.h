// The PLAIN mechanism's message (RFC 4616) in the base64 of RFC 5034.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::pop3 {

struct PlainCredentials {
  std::string user;
  std::string password;
};

// Decodes `[authzid] NUL authcid NUL passwd`. Errors: INVALID_ARGUMENT if it isn't
// base64 with its padding or not of that form; PERMISSION_DENIED if the client
// wants to act for somebody else than the user who authenticates.
absl::StatusOr<PlainCredentials> ParsePlain(absl::string_view base64);

}  // namespace restante::pop3
