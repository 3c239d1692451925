// The TLS side of a server: TLS 1.2 and newer with forward secrecy and AEAD ciphers
// (RFC 8314, RFC 9325), server's preference, resumption by session tickets, no
// compression, no renegotiation; several certificates (SNI), one application protocol
// (ALPN), and client certificates where authorities are given. Its files can be read
// again while it serves. Handshakes and streams are the caller's.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "common/file_stamp.h"
#include "common/tls_certificates.h"
#include "common/tls_tickets.h"

namespace restante {

struct ServerTlsOptions {
  // At least one; the first is for clients that ask for no name, or for one that no
  // certificate has.
  std::vector<TlsCertificateFiles> certificates;

  // PEM: the authorities whose certificates clients may prove themselves by. Empty:
  // clients aren't asked.
  std::string client_ca_file;

  // The protocol's name in ALPN (RFC 7301), such as "pop3". A client that offers
  // protocols, and this isn't among them, is refused. Empty: offers are passed over.
  std::string alpn;
};

using TlsConnection = std::unique_ptr<SSL, FreeOpenSsl>;

// Thread-safe.
class ServerTls {
 public:
  // Errors are FAILED_PRECONDITION, name the file and say what is wrong with it.
  static absl::StatusOr<std::unique_ptr<ServerTls>> Create(ServerTlsOptions options);

  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  // The server's end of a new connection, with what is in force now; null when memory
  // is short. A change of files doesn't touch it.
  TlsConnection NewConnection() ABSL_LOCKS_EXCLUDED(mutex_);

  // Reads the files again if they have changed since. If one is wrong, the old ones
  // stay in force, and the log says what is wrong, once. One thread at a time. True if
  // new files are in force now.
  bool ReloadIfChanged() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  explicit ServerTls(ServerTlsOptions options);
  absl::StatusOr<std::unique_ptr<SSL_CTX, FreeOpenSsl>> Load() const;

  const ServerTlsOptions options_;
  const std::vector<std::string> paths_;
  const std::shared_ptr<TlsTickets> tickets_ = std::make_shared<TlsTickets>();
  // Of whoever reloads.
  FileStamps stamps_;
  std::string last_error_;

  absl::Mutex mutex_;
  std::unique_ptr<SSL_CTX, FreeOpenSsl> context_ ABSL_GUARDED_BY(mutex_);
};

// Whether the client has shown a certificate that the authorities stand for, in this
// very handshake.
bool HasVerifiedPeer(const SSL* connection);

// The same, and the certificate names one of these hosts, as X509_check_host(3) finds it:
// in its alternative names or, without a host among them, as its common name. No `names`:
// any certificate will do.
bool HasVerifiedName(const SSL* connection, const std::vector<std::string>& names);

// That certificate and the intermediate ones, each in DER.
std::vector<std::string> PeerCertificates(const SSL* connection);

}  // namespace restante
