// The TLS side of a server: TLS 1.2 and newer with forward secrecy and AEAD ciphers
// (RFC 8314, RFC 9325), server's preference, session tickets, no compression, no
// renegotiation. Handshakes and streams are the caller's.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "asio/ssl/context.hpp"

namespace restante {

// A context from PEM files: the certificate with its chain, and its private key. Errors
// are FAILED_PRECONDITION, name the file and say what is wrong with it: missing, not
// PEM, encrypted, or a key that doesn't belong to the certificate. A certificate that
// has run out is accepted with a warning in the log: mail that clients may still
// collect is better than none. The context may be used by many threads at once.
absl::StatusOr<asio::ssl::context> MakeServerTls(const std::string& certificate_file,
                                                 const std::string& key_file);

}  // namespace restante
