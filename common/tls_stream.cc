#include "common/tls_stream.h"

#include <openssl/err.h>

#include <algorithm>
#include <climits>
#include <utility>

namespace restante {

std::unique_ptr<TlsStream> TlsStream::Create(ServerTls& tls, int socket, size_t record_octets) {
  TlsConnection ssl = tls.NewConnection();
  if (ssl == nullptr || SSL_set_fd(ssl.get(), socket) != 1) return nullptr;
  SSL_set_mode(ssl.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_max_send_fragment(ssl.get(), record_octets);
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(ssl)));
}

TlsStream::Io TlsStream::Accept() {
  ERR_clear_error();
  const int done = SSL_accept(ssl_.get());
  if (done != 1) return Result(done);
  usable_ = true;
  return Io::kDone;
}

TlsStream::Io TlsStream::Read(char* data, size_t size, size_t* octets) {
  ERR_clear_error();
  const int read =
      SSL_read(ssl_.get(), data, static_cast<int>(std::min<size_t>(size, INT_MAX)));
  if (read <= 0) return Result(read);
  *octets = static_cast<size_t>(read);
  return Io::kDone;
}

TlsStream::Io TlsStream::Write(absl::string_view* octets) {
  while (!octets->empty()) {
    ERR_clear_error();
    const size_t size = std::min<size_t>(octets->size(), INT_MAX);
    const int sent = SSL_write(ssl_.get(), octets->data(), static_cast<int>(size));
    if (sent <= 0) return Result(sent);
    octets->remove_prefix(static_cast<size_t>(sent));
  }
  return Io::kDone;
}

void TlsStream::NotifyClose() {
  if (!std::exchange(usable_, false)) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

TlsStream::Io TlsStream::Result(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Io::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Io::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Io::kOver;
    default:
      // After an error OpenSSL forbids SSL_shutdown.
      usable_ = false;
      ERR_clear_error();
      return Io::kOver;
  }
}

}  // namespace restante
