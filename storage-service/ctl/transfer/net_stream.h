// A connection to a mail server, in the clear or by TLS, for whoever speaks its protocol
// over it. Blocking, with a time limit for each wait.
//
// Not thread-safe.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::ctl {

enum class TlsMode { kNone, kStartTls, kImplicit };

struct MailServer {
  std::string host;
  uint16_t port = 0;
  TlsMode tls = TlsMode::kImplicit;
  std::string ca_file;            // empty: the system's authorities
  bool check_certificate = true;  // chain and host name
  std::string user;
  std::string password;

  std::string Name() const;  // "host:port"
};

// The connection is gone, or there was none: it is worthwhile to try again.
absl::Status ServerLost(absl::string_view message);
bool IsServerLost(const absl::Status& status);

class NetStream {
 public:
  // Connects, and with kImplicit does the handshake.
  static absl::StatusOr<std::unique_ptr<NetStream>> Connect(const MailServer& server);
  ~NetStream();
  NetStream(const NetStream&) = delete;
  NetStream& operator=(const NetStream&) = delete;

  // The handshake; with kStartTls after the server has agreed.
  absl::Status StartTls();

  // At least one octet; 0 at the end of the stream.
  absl::StatusOr<size_t> Read(char* octets, size_t limit);
  absl::Status Write(absl::string_view octets);

  int fd() const { return fd_; }
  const MailServer& server() const { return server_; }

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };

  explicit NetStream(MailServer server) : server_(std::move(server)) {}
  absl::Status Dial();
  absl::Status Lost(absl::string_view what) const;

  const MailServer server_;
  int fd_ = -1;
  std::unique_ptr<SSL_CTX, FreeSsl> context_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
};

}  // namespace restante::ctl
