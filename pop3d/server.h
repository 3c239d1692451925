// The POP3 server: listeners, threads, the link to the storage service, and the
// order in which they start and end.
//
// Each thread has an acceptor of its own on each address (SO_REUSEPORT), so that
// the kernel spreads the connections and none is handed from thread to thread.
// The first acceptor is bound without that option: an address that another process
// listens on is refused rather than shared.
#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/steady_timer.hpp"
#include "common/tls.h"
#include "common/tls_reload.h"
#include "pop3d/settings.h"
#include "pop3d/storage_link.h"
#include "pop3d/worker.h"

namespace restante::pop3 {

struct ServerOptions {
  Settings settings;
  // Port 0: any free one.
  std::vector<asio::ip::tcp::endpoint> listen;
  std::vector<asio::ip::tcp::endpoint> listen_tls;
  // Null: neither STLS nor listen_tls.
  std::unique_ptr<ServerTls> tls;
  // How often its files are looked at; 0: never.
  absl::Duration tls_reload_interval;
  std::shared_ptr<grpc::Channel> exchange_channel;
  std::shared_ptr<grpc::Channel> body_channel;
  // 0: one for each processor core.
  uint32_t threads = 0;
  TimeSource now = [] { return std::chrono::steady_clock::now(); };
  // How late a deadline may fire.
  TimeSpan sweep_interval = std::chrono::milliseconds(250);
};

class Server {
 public:
  // Binds and listens. Errors name the address.
  static absl::StatusOr<std::unique_ptr<Server>> Create(ServerOptions options);
  // Ends as after Shutdown.
  ~Server();

  // Where it listens, ports known.
  const std::vector<asio::ip::tcp::endpoint>& addresses() const { return addresses_; }
  const std::vector<asio::ip::tcp::endpoint>& tls_addresses() const { return tls_addresses_; }

  // Serves as soon as the storage service answers; `on_ready` is then called, on
  // one of the server's threads. Clients that connect before wait in the backlog.
  void Start(std::function<void()> on_ready);

  // Any thread. Takes no more connections, gives sessions drain_time to finish, ends
  // the others without deletion, then ends the link.
  void Shutdown();

  // Until all of that is done.
  void Wait();

  // How often clients hit which limit.
  const LimitCounters& limit_counters() const { return limits_.counters; }

 private:
  explicit Server(ServerOptions options);
  absl::Status Listen(const asio::ip::tcp::endpoint& address, bool implicit_tls);
  asio::awaitable<void> ShutdownInOrder();
  // Writes a line about the limits that clients have hit.
  void ReportLimits();

  ServerOptions options_;
  std::vector<asio::ip::tcp::endpoint> addresses_;
  std::vector<asio::ip::tcp::endpoint> tls_addresses_;
  ConnectionCount connections_;
  Limits limits_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<StorageLink> link_;
  std::unique_ptr<TlsReloader> tls_reloader_;
  std::atomic<bool> shutting_down_{false};

  // Of the first worker's thread.
  std::optional<asio::steady_timer> drain_;
  bool started_ = false;
};

}  // namespace restante::pop3
