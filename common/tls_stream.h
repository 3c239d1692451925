// The server's end of TLS over a socket that doesn't block: handshake, reading, writing
// and the end, each as far as it goes now. Waiting for the socket is the caller's, and so
// are deadlines and closing it. (asio::ssl::stream would keep some 70 KiB of buffers for
// each idle connection.) One thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/tls.h"

namespace restante {

class TlsStream {
 public:
  enum class Io {
    kDone,
    // To be called again once the socket can be read, or written.
    kWantsRead,
    kWantsWrite,
    // The client has ended the connection, or it is broken.
    kOver,
  };

  // `socket` must not block, and must outlive this. A record that is sent holds at most
  // `record_octets`, 512 to 16,384: OpenSSL keeps it until the client has taken it. Null
  // when memory is short.
  static std::unique_ptr<TlsStream> Create(ServerTls& tls, int socket, size_t record_octets);

  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  Io Accept();

  // After kDone *octets were read, at least one.
  Io Read(char* data, size_t size, size_t* octets);

  // Takes what was sent off *octets. What is left has to come first the next time.
  Io Write(absl::string_view* octets);

  // Tells the client that nothing was cut off (RFC 8446, section 6.1); then nothing more
  // may be written. Does nothing before the handshake is done, or after an error.
  void NotifyClose();

  // Valid as long as this.
  const SSL* ssl() const { return ssl_.get(); }

 private:
  explicit TlsStream(TlsConnection ssl) : ssl_(std::move(ssl)) {}

  Io Result(int result);

  const TlsConnection ssl_;
  // OpenSSL allows SSL_shutdown.
  bool usable_ = false;
};

}  // namespace restante
