#include "storage-service/ctl/transfer/net_stream.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

// For each wait; a server that looks for a mailbox may take its time.
constexpr time_t kPatienceSeconds = 120;
constexpr char kLostMark[] = "restantectl/server-lost";

std::string SocketError() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS
             ? "no answer in time"
             : std::string(std::strerror(errno));
}

std::string TlsError() {
  const unsigned long code = ERR_get_error();  // NOLINT(google-runtime-int)
  if (code == 0) return errno == 0 ? "the connection ended" : SocketError();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

bool IsAddress(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address) == 1;
}

}  // namespace

std::string MailServer::Name() const {
  return absl::StrContains(host, ":") ? absl::StrCat("[", host, "]:", port)
                                      : absl::StrCat(host, ":", port);
}

absl::Status ServerLost(absl::string_view message) {
  absl::Status status = RefusedError(message);
  status.SetPayload(kLostMark, absl::Cord());
  return status;
}

bool IsServerLost(const absl::Status& status) {
  return status.GetPayload(kLostMark).has_value();
}

absl::Status NetStream::Lost(absl::string_view what) const {
  return ServerLost(absl::StrCat(server_.Name(), ": ", what));
}

absl::StatusOr<std::unique_ptr<NetStream>> NetStream::Connect(const MailServer& server) {
  std::unique_ptr<NetStream> stream(new NetStream(server));
  absl::Status status = stream->Dial();
  if (status.ok() && server.tls == TlsMode::kImplicit) status = stream->StartTls();
  if (!status.ok()) return status;
  return stream;
}

NetStream::~NetStream() {
  if (ssl_ != nullptr) SSL_shutdown(ssl_.get());
  if (fd_ >= 0) close(fd_);
}

absl::Status NetStream::Dial() {
  // OpenSSL writes to sockets as to any file; a server that has gone is an error there.
  signal(SIGPIPE, SIG_IGN);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(server_.host.c_str(), std::to_string(server_.port).c_str(), &hints, &found);
  if (error != 0) return Lost(gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  std::string why = "no address";
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int fd =
        socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0) continue;
    const timeval patience = {kPatienceSeconds, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0) {
      fd_ = fd;
      return absl::OkStatus();
    }
    why = SocketError();
    close(fd);
  }
  return Lost(why);
}

absl::Status NetStream::StartTls() {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context_.get(), SSL_MODE_AUTO_RETRY);
  if (server_.check_certificate) {
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    const bool known = server_.ca_file.empty()
                           ? SSL_CTX_set_default_verify_paths(context_.get()) == 1
                           : SSL_CTX_load_verify_locations(
                                 context_.get(), server_.ca_file.c_str(), nullptr) == 1;
    if (!known) {
      return RefusedError(absl::StrCat("can't read the certificates of ",
                                       server_.ca_file.empty() ? "the system" : server_.ca_file,
                                       ": ", TlsError()));
    }
  }
  ssl_.reset(SSL_new(context_.get()));
  if (IsAddress(server_.host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), server_.host.c_str());
  } else {
    SSL_set1_host(ssl_.get(), server_.host.c_str());
    SSL_set_tlsext_host_name(ssl_.get(), server_.host.c_str());
  }
  SSL_set_fd(ssl_.get(), fd_);
  ERR_clear_error();
  if (SSL_connect(ssl_.get()) == 1) return absl::OkStatus();
  const long verdict = SSL_get_verify_result(ssl_.get());  // NOLINT(google-runtime-int)
  if (server_.check_certificate && verdict != X509_V_OK) {
    return RefusedError(
        absl::StrCat(server_.Name(),
                     ": its certificate isn't good: ", X509_verify_cert_error_string(verdict),
                     " (--ca-file names another authority, --no-certificate-check takes any)"));
  }
  return Lost(absl::StrCat("TLS: ", TlsError()));
}

absl::StatusOr<size_t> NetStream::Read(char* octets, size_t limit) {
  while (true) {
    errno = 0;
    if (ssl_ != nullptr) {
      size_t read = 0;
      if (SSL_read_ex(ssl_.get(), octets, limit, &read) == 1) return read;
      if (SSL_get_error(ssl_.get(), 0) == SSL_ERROR_ZERO_RETURN) return size_t{0};
      if (errno == EINTR) continue;
      return Lost(TlsError());
    }
    const ssize_t read = recv(fd_, octets, limit, 0);
    if (read >= 0) return static_cast<size_t>(read);
    if (errno != EINTR) return Lost(SocketError());
  }
}

absl::Status NetStream::Write(absl::string_view octets) {
  while (!octets.empty()) {
    errno = 0;
    size_t written = 0;
    if (ssl_ != nullptr) {
      if (SSL_write_ex(ssl_.get(), octets.data(), octets.size(), &written) != 1) {
        return Lost(TlsError());
      }
    } else {
      const ssize_t sent = send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return Lost(SocketError());
      written = static_cast<size_t>(sent);
    }
    octets.remove_prefix(written);
  }
  return absl::OkStatus();
}

}  // namespace restante::ctl
