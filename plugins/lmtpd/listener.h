// Takes connections on one address and hands them to workers.
//
// Belongs to one io_context, and is used on its thread only, but for Open().
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "asio/basic_socket_acceptor.hpp"
#include "asio/generic/stream_protocol.hpp"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"
#include "common/net.h"
#include "common/unix_socket.h"
#include "plugins/lmtpd/arrival.h"
#include "plugins/lmtpd/worker.h"

namespace restante::lmtp {

class Listener {
 public:
  struct Options {
    // Of the file of a UNIX socket.
    mode_t unix_mode = 0600;
    // What its connections are, as in Arrival; a UNIX socket's are never proxied.
    bool implicit_tls = false;
    bool maybe_proxied = false;
  };

  // Whose io_context the next connection belongs to, and what is done with it then.
  struct Taker {
    std::function<Worker&()> choose;
    std::function<void(Worker& worker, Arrival arrival)> take;
  };

  // Listens, but takes no connection before Start(). Errors name the address.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(asio::io_context& io,
                                                        const ListenAddress& address,
                                                        const Options& options);

  void Start(Taker taker);
  void Close();

  // What was bound, with the port that it got.
  const ListenAddress& address() const { return address_; }
  bool implicit_tls() const { return options_.implicit_tls; }

 private:
  using Protocol = asio::generic::stream_protocol;
  using Acceptor = asio::basic_socket_acceptor<Protocol>;

  Listener(asio::io_context& io, const Options& options)
      : options_(options), acceptor_(io), retry_(io) {}

  absl::Status Bind(const ListenAddress& address);
  void Accept();

  const Options options_;
  Acceptor acceptor_;
  asio::steady_timer retry_;
  ListenAddress address_;
  std::unique_ptr<UnixSocketFile> file_;
  Taker taker_;
};

}  // namespace restante::lmtp
