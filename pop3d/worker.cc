#include "pop3d/worker.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "common/log.h"

namespace restante::pop3 {
namespace {

constexpr char kComponent[] = "pop3-login";
// After accept has failed, most likely because no descriptor is free.
constexpr std::chrono::milliseconds kAcceptPause(100);

std::mt19937_64 Seeded() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device()};
  return std::mt19937_64(seed);
}

}  // namespace

bool ConnectionCount::Enter() {
  if (count_.fetch_add(1) < most_) return true;
  Leave();
  return false;
}

void ConnectionCount::Leave() {
  if (count_.fetch_sub(1) == 1) on_none_();
}

Worker::Worker(const Settings& settings, ServerTls* tls, TimeSource now,
               TimeSpan sweep_interval, ConnectionCount& connections, Limits& limits)
    : work_(asio::make_work_guard(context_)),
      settings_(settings),
      tls_(tls),
      deadlines_(std::move(now)),
      sweep_interval_(sweep_interval),
      sweep_timer_(context_),
      connections_(connections),
      limits_(limits),
      session_ids_(Seeded()) {}

Worker::~Worker() { Join(); }

void Worker::AddAcceptor(asio::ip::tcp::acceptor acceptor, bool implicit_tls,
                         bool behind_proxy) {
  listeners_.push_back({std::move(acceptor), implicit_tls, behind_proxy});
}

void Worker::Start() {
  asio::co_spawn(context_, Sweep(), asio::detached);
  thread_ = std::thread([this] { context_.run(); });
}

void Worker::BeginAccepting() {
  asio::post(context_, [this] {
    for (Listener& listener : listeners_) {
      asio::co_spawn(context_, Accept(listener), asio::detached);
    }
  });
}

void Worker::StopAccepting() {
  asio::post(context_, [this] {
    asio::error_code ignored;
    for (Listener& listener : listeners_) listener.acceptor.close(ignored);
  });
}

void Worker::EndSessions() {
  asio::post(context_, [this] {
    for (Session* session : sessions_) session->EndForShutdown();
  });
}

void Worker::Release() {
  asio::post(context_, [this] {
    released_ = true;
    // One that was accepted at the last moment.
    for (Session* session : sessions_) session->EndAtOnce();
    sweep_timer_.cancel();
    work_.reset();
  });
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

asio::awaitable<void> Worker::Sweep() {
  asio::error_code error;
  while (!released_ || !sessions_.empty()) {
    sweep_timer_.expires_after(sweep_interval_);
    co_await sweep_timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    deadlines_.Sweep();
  }
}

asio::awaitable<void> Worker::Accept(Listener& listener) {
  while (listener.acceptor.is_open()) {
    asio::ip::tcp::socket socket(context_);
    asio::ip::tcp::endpoint remote;
    asio::error_code error;
    co_await listener.acceptor.async_accept(socket, remote,
                                            asio::redirect_error(asio::use_awaitable, error));
    if (!listener.acceptor.is_open()) break;
    if (error == asio::error::connection_aborted) continue;
    if (error) {
      LogError(kComponent, "Accept failed", {{"error", error.message()}});
      asio::steady_timer pause(context_, kAcceptPause);
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    Take(std::move(socket), remote, listener);
  }
}

void Worker::Take(asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& remote,
                  const Listener& listener) {
  Arrival arrival;
  arrival.implicit_tls = listener.implicit_tls;
  arrival.behind_proxy =
      listener.behind_proxy && AnyContains(settings_.proxy.networks, remote.address());
  const bool counted = connections_.Enter();
  if (!counted) {
    arrival.refused = Limit::kConnections;
  } else if (!arrival.behind_proxy) {
    arrival.refused =
        limits_.addresses.Enter(remote.address(), deadlines_.Now(), &arrival.ticket);
    if (arrival.refused.has_value()) connections_.Leave();
  }
  if (arrival.refused.has_value()) {
    CountHit(limits_.counters, *arrival.refused, deadlines_.Now(), remote);
    if (!arrival.implicit_tls && !arrival.behind_proxy) {
      std::string refusal;
      AppendError(kSysTempCode, TextIn(Language::kDefault, RefusalOf(*arrival.refused)),
                  &refusal);
      asio::error_code ignored;
      socket.write_some(asio::buffer(refusal), ignored);
      return;
    }
    if (!farewells_.Enter(&arrival.farewell)) return;
  }
  const bool stays = !arrival.refused.has_value();
  asio::co_spawn(context_, Serve(std::move(socket), std::move(arrival), remote, stays),
                 asio::detached);
}

asio::awaitable<void> Worker::Serve(asio::ip::tcp::socket socket, Arrival arrival,
                                    asio::ip::tcp::endpoint remote, bool counted) {
  {
    asio::error_code ignored;
    SessionIdentity identity;
    identity.id = absl::StrFormat("%016x", session_ids_());
    identity.remote = remote;
    identity.local = socket.local_endpoint(ignored);
    const SessionEnvironment environment{settings_,  *port_,         limits_,
                                         farewells_, large_commits_, tls_};
    Session session(environment, std::move(socket), std::move(arrival), std::move(identity));
    sessions_.insert(&session);
    co_await session.Run();
    sessions_.erase(&session);
  }
  if (counted) connections_.Leave();
}

}  // namespace restante::pop3
