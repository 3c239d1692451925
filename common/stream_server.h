// A small server for the protocols by which programs of one machine ask each other: takes
// connections on TCP and UNIX addresses and gives each to a coroutine, all on one thread.
// For many connections and much to do there are the workers of pop3d and lmtpd.
//
// A connection's memory is what its coroutine leaves in input(), and one reply.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/basic_socket_acceptor.hpp"
#include "asio/executor_work_guard.hpp"
#include "asio/generic/stream_protocol.hpp"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"
#include "common/net.h"
#include "common/unix_socket.h"

namespace restante {

struct StreamServerSettings {
  // Of its log lines; a constant.
  const char* component = "";
  // Access rights of UNIX sockets.
  mode_t unix_mode = 0600;
  // Connections at once; a further one is closed at once.
  size_t max_connections = 1000;
  // How long a client may be silent, or take no reply, before it is hung up on; 0: it may
  // be silent for ever, and has 30 s to take a reply.
  std::chrono::milliseconds idle_timeout{0};
};

// Used by its coroutine, on the server's thread.
class StreamConnection {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  StreamConnection(Socket socket, std::chrono::milliseconds idle_timeout);

  // What was received and not used yet: take octets off its beginning.
  std::string& input() { return input_; }

  // Appends at least one octet to input(), and at most 4,096. False: the connection is
  // over, for whatever reason, and the coroutine has to end.
  asio::awaitable<bool> Receive();

  // Sends all of it, or false as above.
  asio::awaitable<bool> Send(std::string octets);

  // Waits, or false as above if the server stops.
  asio::awaitable<bool> Pause(std::chrono::milliseconds time);

  asio::any_io_executor executor() { return socket_.get_executor(); }

 private:
  friend class StreamServer;

  void Interrupt();
  void SetDeadline(std::chrono::milliseconds after);
  void ClearDeadline();

  Socket socket_;
  asio::steady_timer deadline_;
  asio::steady_timer pause_;
  const std::chrono::milliseconds idle_timeout_;
  std::string input_;
  bool over_ = false;
  // The deadline that is set now: one that was cleared too late, or whose connection has
  // gone, does nothing.
  const std::shared_ptr<uint64_t> deadline_number_ = std::make_shared<uint64_t>(0);
};

class StreamServer {
 public:
  // Its connection is closed when it returns.
  using Serve = std::function<asio::awaitable<void>(StreamConnection&)>;

  explicit StreamServer(const StreamServerSettings& settings);
  // Stops if that wasn't done.
  ~StreamServer();

  // Before Start(). Errors name the address.
  absl::Status Listen(const std::string& address, Serve serve);

  // What was bound, in the order of Listen().
  std::vector<ListenAddress> addresses() const;

  // Of its thread, which runs from Start() to Stop().
  asio::any_io_executor executor() { return io_.get_executor(); }

  void Start();

  // Listens no more, ends what waits for clients, and returns when no coroutine is left:
  // they end when what they wait for beside the client has an end.
  void Stop();

 private:
  using Protocol = asio::generic::stream_protocol;
  using Acceptor = asio::basic_socket_acceptor<Protocol>;

  struct Listener {
    explicit Listener(asio::io_context& io) : acceptor(io), retry(io) {}
    Acceptor acceptor;
    asio::steady_timer retry;
    ListenAddress address;
    std::unique_ptr<UnixSocketFile> file;
    Serve serve;
  };

  absl::Status Bind(Listener& listener);
  void Accept(Listener& listener);
  void Take(Listener& listener, StreamConnection::Socket socket);
  void StopIfIdle();

  const StreamServerSettings settings_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::list<StreamConnection> connections_;
  bool stopping_ = false;
  bool told_full_ = false;
  std::thread thread_;
};

}  // namespace restante
