// The whole of restante-lmtpd but its command line: listeners, workers and the way to
// the storage service, put together, started and drained.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/net.h"
#include "common/tls.h"
#include "common/tls_reload.h"
#include "plugins/lmtpd/config.pb.h"
#include "plugins/lmtpd/delivery_link.h"
#include "plugins/lmtpd/listener.h"
#include "plugins/lmtpd/message_stream.h"
#include "plugins/lmtpd/recipient_slots.h"
#include "plugins/lmtpd/worker.h"

namespace restante::lmtp {

class Server {
 public:
  // Gets what was bound, in the order of `listen`, and of `listen_tls`.
  using OnReady = std::function<void(const std::vector<ListenAddress>& addresses,
                                     const std::vector<ListenAddress>& tls_addresses)>;

  // Listens and serves when it returns; what needs the storage service is answered 451
  // while that is away. `on_ready` is called once, on another thread, when it has
  // answered for the first time. Errors name the address that can't be listened on, or the
  // TLS file that can't be used.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const config::LmtpdConfig& config,
                                                       OnReady on_ready);

  // Stops if that wasn't done.
  ~Server();

  std::vector<ListenAddress> addresses() const { return Bound(false); }
  std::vector<ListenAddress> tls_addresses() const { return Bound(true); }

  // Stops listening, ends idle sessions with 421, lets transactions under way finish
  // within drain_time, and returns when no session is left. Not from its own threads.
  void Stop();

 private:
  Server(const config::LmtpdConfig& config, std::unique_ptr<ServerTls> tls);

  absl::Status Open(const config::LmtpdConfig& config);
  absl::Status Listen(const std::string& address, const Listener::Options& options);
  std::vector<ListenAddress> Bound(bool implicit_tls) const;
  void TakeConnections();
  Worker& LeastLoaded();
  void Take(Worker& worker, Arrival arrival);

  const std::unique_ptr<ServerTls> tls_;
  std::unique_ptr<TlsReloader> tls_reloader_;
  RecipientSlots recipient_slots_;
  const SessionSettings settings_;
  const std::chrono::milliseconds drain_time_;
  const int max_connections_;
  std::atomic<int> connections_{0};
  bool started_ = false;

  // Destroyed in the reverse order: what posts to the workers goes first.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<MessageStreams> streams_;
  std::unique_ptr<DeliveryLink> link_;
  std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace restante::lmtp
