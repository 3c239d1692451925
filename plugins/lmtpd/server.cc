#include "plugins/lmtpd/server.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "absl/memory/memory.h"
#include "absl/synchronization/blocking_counter.h"
#include "asio/buffer.hpp"
#include "asio/post.hpp"
#include "common/config.h"
#include "common/grpc_channel.h"
#include "common/server_config.h"
#include "plugins/lmtpd/config.h"
#include "plugins/lmtpd/replies.h"

namespace restante::lmtp {
namespace {

std::chrono::milliseconds Milliseconds(const google::protobuf::Duration& duration) {
  return absl::ToChronoMilliseconds(FromProto(duration));
}

std::string OwnHostname() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

SessionSettings SettingsFrom(const config::LmtpdConfig& config, ServerTls* tls,
                             RecipientSlots* recipient_slots) {
  return {.hostname = config.hostname().empty() ? OwnHostname() : config.hostname(),
          .max_message_octets = config.max_message_octets(),
          .max_recipients = config.max_recipients(),
          .max_bad_commands = static_cast<int>(config.max_bad_commands()),
          .command_timeout = Milliseconds(config.command_timeout()),
          .data_timeout = Milliseconds(config.data_timeout()),
          .announce_dsn = config.announce_dsn(),
          .trace_fields = {.return_path = config.trace_fields().return_path(),
                           .delivered_to = config.trace_fields().delivered_to(),
                           .received = config.trace_fields().received()},
          .recipient_slots = recipient_slots,
          .tls = tls,
          .tls_handshake_timeout = Milliseconds(config.tls_handshake_timeout()),
          .require_tls = config.require_tls(),
          .require_client_certificate = config.require_client_certificate(),
          .client_certificate_names = {config.client_certificate_names().begin(),
                                       config.client_certificate_names().end()},
          .proxy_networks = ParseNetworks(config.proxy().networks()),
          .proxy_timeout = Milliseconds(config.proxy().timeout()),
          .trust_proxied_tls = config.proxy().trust_tls(),
          .xclient_networks = ParseNetworks(config.xclient_networks())};
}

size_t ThreadsFrom(const config::LmtpdConfig& config) {
  if (config.threads() > 0) return config.threads();
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const config::LmtpdConfig& config,
                                                      OnReady on_ready) {
  std::unique_ptr<ServerTls> tls;
  // No name for LMTP is registered with ALPN.
  if (ServerTlsOptions files = TlsOptionsFrom(config.tls(), ""); !files.certificates.empty()) {
    absl::StatusOr<std::unique_ptr<ServerTls>> made = ServerTls::Create(std::move(files));
    if (!made.ok()) return made.status();
    tls = *std::move(made);
  }
  std::unique_ptr<Server> server = absl::WrapUnique(new Server(config, std::move(tls)));
  if (absl::Status status = server->Open(config); !status.ok()) return status;
  for (const auto& worker : server->workers_) {
    worker->Start(*server->link_, *server->streams_);
  }
  server->started_ = true;
  const absl::Duration reload_interval = FromProto(config.tls().reload_interval());
  if (server->tls_ != nullptr && reload_interval > absl::ZeroDuration()) {
    server->tls_reloader_ = std::make_unique<TlsReloader>(*server->tls_, reload_interval);
  }
  server->link_->Start([on_ready = std::move(on_ready), addresses = server->addresses(),
                        tls_addresses = server->tls_addresses()] {
    if (on_ready) on_ready(addresses, tls_addresses);
  });
  Server* self = server.get();
  asio::post(self->workers_.front()->io(), [self] { self->TakeConnections(); });
  return server;
}

Server::Server(const config::LmtpdConfig& config, std::unique_ptr<ServerTls> tls)
    : tls_(std::move(tls)),
      recipient_slots_(config.max_deliveries_per_recipient()),
      settings_(SettingsFrom(config, tls_.get(), &recipient_slots_)),
      drain_time_(Milliseconds(config.drain_time())),
      max_connections_(
          static_cast<int>(std::min<uint32_t>(config.max_connections(), 1'000'000))) {
  const size_t threads = ThreadsFrom(config);
  const std::chrono::milliseconds answer_within = Milliseconds(config.storage_timeout());
  std::vector<DeliveryLink::End*> ends;
  for (size_t i = 0; i < threads; ++i) {
    workers_.push_back(
        std::make_unique<Worker>(i, threads, settings_, answer_within, connections_));
    ends.push_back(&workers_.back()->client());
  }
  // Two connections: large messages don't hold up the shared stream's.
  const std::string& storage = config.storage().address();
  streams_ = std::make_unique<MessageStreams>(OpenChannel(storage));
  link_ =
      std::make_unique<DeliveryLink>(OpenChannel(storage), Milliseconds(config.storage_wait()),
                                     workers_.front()->io(), std::move(ends));
}

absl::Status Server::Open(const config::LmtpdConfig& config) {
  const auto& proxied = config.proxy().listeners();
  for (const auto* texts : {&config.listen(), &config.listen_tls()}) {
    for (const std::string& text : *texts) {
      const bool listed = std::find(proxied.begin(), proxied.end(), text) != proxied.end();
      absl::Status status = Listen(text, {.unix_mode = SocketMode(config),
                                          .implicit_tls = texts == &config.listen_tls(),
                                          .maybe_proxied = proxied.empty() || listed});
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Server::Listen(const std::string& text, const Listener::Options& options) {
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
  if (!address.ok()) return address.status();
  absl::StatusOr<std::unique_ptr<Listener>> listener =
      Listener::Open(workers_.front()->io(), *address, options);
  if (!listener.ok()) return listener.status();
  listeners_.push_back(*std::move(listener));
  return absl::OkStatus();
}

Server::~Server() { Stop(); }

std::vector<ListenAddress> Server::Bound(bool implicit_tls) const {
  std::vector<ListenAddress> addresses;
  for (const auto& listener : listeners_) {
    if (listener->implicit_tls() == implicit_tls) addresses.push_back(listener->address());
  }
  return addresses;
}

void Server::TakeConnections() {
  for (const auto& listener : listeners_) {
    listener->Start({.choose = [this]() -> Worker& { return LeastLoaded(); },
                     .take = [this](Worker& worker,
                                    Arrival arrival) { Take(worker, std::move(arrival)); }});
  }
}

Worker& Server::LeastLoaded() {
  const auto least =
      std::min_element(workers_.begin(), workers_.end(),
                       [](const auto& a, const auto& b) { return a->load() < b->load(); });
  return **least;
}

void Server::Take(Worker& worker, Arrival arrival) {
  if (connections_.fetch_add(1, std::memory_order_relaxed) < max_connections_) {
    worker.Serve(std::move(arrival));
    return;
  }
  connections_.fetch_sub(1, std::memory_order_relaxed);
  // In the clear it would be no answer to a client that speaks TLS.
  if (arrival.implicit_tls) return;
  std::string refusal;
  AppendReply(&refusal, reply::kTooManyConnections);
  asio::error_code ignored;
  arrival.socket.non_blocking(true, ignored);
  arrival.socket.write_some(asio::buffer(refusal), ignored);
}

void Server::Stop() {
  if (!std::exchange(started_, false)) return;
  absl::BlockingCounter drained(static_cast<int>(workers_.size()));
  asio::post(workers_.front()->io(), [this, &drained] {
    for (const auto& listener : listeners_) listener->Close();
    // Each comes behind the connections that were handed to its worker before.
    for (const auto& worker : workers_) {
      worker->Drain(drain_time_, [&drained] { drained.DecrementCount(); });
    }
  });
  drained.Wait();
  asio::post(workers_.front()->io(), [this] { link_->Stop(); });
  for (const auto& worker : workers_) worker->Finish();
}

}  // namespace restante::lmtp
