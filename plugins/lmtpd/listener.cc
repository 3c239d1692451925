#include "plugins/lmtpd/listener.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "asio/ip/tcp.hpp"
#include "asio/ip/v6_only.hpp"
#include "common/log.h"

namespace restante::lmtp {
namespace {

// After an error of accept, which is one of the machine's limits.
constexpr std::chrono::milliseconds kPauseAfterError{100};

asio::ip::tcp::endpoint TcpEndpoint(const asio::generic::stream_protocol::endpoint& generic) {
  asio::ip::tcp::endpoint endpoint;
  if (generic.size() <= endpoint.capacity()) {
    std::memcpy(endpoint.data(), generic.data(), generic.size());
    endpoint.resize(generic.size());
  }
  return endpoint;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(asio::io_context& io,
                                                         const ListenAddress& address,
                                                         const Options& options) {
  std::unique_ptr<Listener> listener = absl::WrapUnique(new Listener(io, options));
  if (absl::Status status = listener->Bind(address); !status.ok()) return status;
  return listener;
}

absl::Status Listener::Bind(const ListenAddress& address) {
  address_ = address;
  asio::error_code error;
  if (address.IsUnix()) {
    acceptor_.open(Protocol(AF_UNIX, 0), error);
    if (!error) {
      absl::StatusOr<std::unique_ptr<UnixSocketFile>> file = UnixSocketFile::Bind(
          acceptor_.native_handle(), address.unix_path, options_.unix_mode);
      if (!file.ok()) return file.status();
      file_ = *std::move(file);
      acceptor_.listen(Acceptor::max_listen_connections, error);
    }
  } else {
    acceptor_.open(Protocol(address.tcp.protocol()), error);
    if (!error) acceptor_.set_option(Acceptor::reuse_address(true), error);
    if (!error && address.tcp.address().is_v6()) {
      // "*" is every address, of IPv4 too.
      const bool only = !address.tcp.address().is_unspecified();
      acceptor_.set_option(asio::ip::v6_only(only), error);
    }
    if (!error) acceptor_.bind(Protocol::endpoint(address.tcp), error);
    if (!error) acceptor_.listen(Acceptor::max_listen_connections, error);
    if (!error) address_.tcp = TcpEndpoint(acceptor_.local_endpoint(error));
  }
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("can't listen on ", FormatAddress(address), ": ", error.message()));
  }
  return absl::OkStatus();
}

void Listener::Start(Taker taker) {
  taker_ = std::move(taker);
  Accept();
}

void Listener::Accept() {
  Worker& worker = taker_.choose();
  acceptor_.async_accept(worker.io(), [this, &worker](asio::error_code error, Socket socket) {
    if (!acceptor_.is_open()) return;
    if (error) {
      LogWarning("lmtp", "Can't accept a connection", {{"error", error.message()}});
      retry_.expires_after(kPauseAfterError);
      retry_.async_wait([this](asio::error_code stopped) {
        if (!stopped) Accept();
      });
      return;
    }
    Arrival arrival{.socket = std::move(socket),
                    .remote = {},
                    .implicit_tls = options_.implicit_tls,
                    .maybe_proxied = options_.maybe_proxied};
    if (!address_.IsUnix()) {
      asio::error_code ignored;
      arrival.socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      arrival.remote = TcpEndpoint(arrival.socket.remote_endpoint(ignored));
    }
    taker_.take(worker, std::move(arrival));
    Accept();
  });
}

void Listener::Close() {
  asio::error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  file_.reset();
}

}  // namespace restante::lmtp
