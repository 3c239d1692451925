#include "pop3d/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/ip/v6_only.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "common/log.h"

namespace restante::pop3 {
namespace {

using asio::ip::tcp;

// After the sessions were ended, how long their last operations may take.
constexpr std::chrono::seconds kEndPatience(15);
// Client addresses that are remembered, about 5 MiB.
constexpr size_t kMostAddresses = 65'536;

uint32_t ThreadCount(uint32_t configured) {
  if (configured != 0) return configured;
  return std::clamp<uint32_t>(std::thread::hardware_concurrency(), 1, 255);
}

void SetOption(tcp::acceptor& acceptor, int level, int name, int value) {
  // An option that the kernel doesn't have isn't worth refusing to serve.
  setsockopt(acceptor.native_handle(), level, name, &value, sizeof(value));
}

// Accepted sockets inherit these (Linux), which saves setting them one by one.
void SetInheritedOptions(tcp::acceptor& acceptor, const Keepalive& keepalive) {
  SetOption(acceptor, IPPROTO_TCP, TCP_NODELAY, 1);
  if (keepalive.idle.count() == 0) return;
  SetOption(acceptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(acceptor, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(keepalive.idle.count()));
  SetOption(acceptor, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(keepalive.interval.count()));
  SetOption(acceptor, IPPROTO_TCP, TCP_KEEPCNT, keepalive.probes);
}

absl::StatusOr<tcp::acceptor> Bind(asio::io_context& context, const tcp::endpoint& address,
                                   bool shared, const Keepalive& keepalive) {
  tcp::acceptor acceptor(context);
  asio::error_code error;
  acceptor.open(address.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && address.address().is_v6() && address.address().is_unspecified()) {
    acceptor.set_option(asio::ip::v6_only(false), error);
  }
  if (!error && shared) SetOption(acceptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (!error) acceptor.bind(address, error);
  if (!error && !shared) SetOption(acceptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (!error) SetInheritedOptions(acceptor, keepalive);
  if (!error) acceptor.listen(SOMAXCONN, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't listen on ", FormatAddress(address), ": ", error.message()));
  }
  return acceptor;
}

}  // namespace

Server::Server(ServerOptions options)
    : options_(std::move(options)),
      connections_(options_.settings.max_connections,
                   [this] {
                     if (!shutting_down_.load()) return;
                     asio::post(workers_.front()->context(), [this] {
                       if (drain_.has_value()) drain_->cancel();
                     });
                   }),
      limits_(options_.settings.of_address,
              std::max<size_t>(kMostAddresses, size_t{2} * options_.settings.max_connections),
              options_.settings.max_sessions_per_user) {}

Server::~Server() {
  if (started_) {
    Shutdown();
    Wait();
  }
}

absl::StatusOr<std::unique_ptr<Server>> Server::Create(ServerOptions options) {
  std::unique_ptr<Server> server(new Server(std::move(options)));
  ServerOptions& own = server->options_;
  for (uint32_t i = 0; i < ThreadCount(own.threads); ++i) {
    server->workers_.push_back(std::make_unique<Worker>(own.settings, own.tls.get(), own.now,
                                                        own.sweep_interval,
                                                        server->connections_, server->limits_));
  }
  server->link_ =
      std::make_unique<StorageLink>(server->workers_.front()->context(), own.settings.link,
                                    own.exchange_channel, own.body_channel);
  for (const auto& worker : server->workers_) worker->UseLink(*server->link_);
  for (const tcp::endpoint& address : own.listen) {
    if (absl::Status status = server->Listen(address, false); !status.ok()) return status;
  }
  for (const tcp::endpoint& address : own.listen_tls) {
    if (absl::Status status = server->Listen(address, true); !status.ok()) return status;
  }
  return server;
}

absl::Status Server::Listen(const tcp::endpoint& address, bool implicit_tls) {
  const std::vector<tcp::endpoint>& proxied = options_.settings.proxy.listeners;
  const bool behind_proxy =
      proxied.empty() || std::find(proxied.begin(), proxied.end(), address) != proxied.end();
  tcp::endpoint bound = address;
  for (size_t i = 0; i < workers_.size(); ++i) {
    absl::StatusOr<tcp::acceptor> acceptor =
        Bind(workers_[i]->context(), bound, i != 0, options_.settings.keepalive);
    if (!acceptor.ok()) return acceptor.status();
    asio::error_code ignored;
    bound = acceptor->local_endpoint(ignored);
    workers_[i]->AddAcceptor(*std::move(acceptor), implicit_tls, behind_proxy);
  }
  (implicit_tls ? tls_addresses_ : addresses_).push_back(bound);
  return absl::OkStatus();
}

void Server::Start(std::function<void()> on_ready) {
  started_ = true;
  if (options_.tls != nullptr && options_.tls_reload_interval > absl::ZeroDuration()) {
    tls_reloader_ = std::make_unique<TlsReloader>(*options_.tls, options_.tls_reload_interval);
  }
  asio::post(workers_.front()->context(), [this, on_ready = std::move(on_ready)]() mutable {
    link_->Start([this, on_ready = std::move(on_ready)] {
      for (const auto& worker : workers_) worker->BeginAccepting();
      if (on_ready) on_ready();
    });
  });
  for (const auto& worker : workers_) worker->Start();
}

void Server::Shutdown() {
  if (shutting_down_.exchange(true)) return;
  asio::co_spawn(workers_.front()->context(), ShutdownInOrder(), asio::detached);
}

asio::awaitable<void> Server::ShutdownInOrder() {
  for (const auto& worker : workers_) worker->StopAccepting();
  asio::error_code ignored;
  drain_.emplace(workers_.front()->context());
  const TimeSpan patience[] = {options_.settings.drain_time, kEndPatience};
  for (const TimeSpan& span : patience) {
    if (&span != &patience[0]) {
      for (const auto& worker : workers_) worker->EndSessions();
    }
    drain_->expires_after(span);
    if (connections_.value() != 0) {
      co_await drain_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }
  if (connections_.value() != 0) {
    LogWarning("pop3d", "Sessions did not end", {{"sessions", connections_.value()}});
  }
  ReportLimits();
  link_->Stop([this] {
    for (const auto& worker : workers_) worker->Release();
  });
}

void Server::ReportLimits() {
  const std::string hits = limits_.counters.Summary();
  if (!hits.empty()) LogInfo("pop3d", "Limits hit since the start", {{"hits", hits}});
}

void Server::Wait() {
  for (const auto& worker : workers_) worker->Join();
}

}  // namespace restante::pop3
