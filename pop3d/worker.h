// One thread that serves sessions: its io_context, its acceptors, its deadlines
// and its port to the storage service. A session stays on the thread that took it.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <random>
#include <thread>

#include "absl/container/flat_hash_set.h"
#include "asio/awaitable.hpp"
#include "asio/executor_work_guard.hpp"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/steady_timer.hpp"
#include "pop3d/deadlines.h"
#include "pop3d/session.h"
#include "pop3d/storage_link.h"

namespace restante::pop3 {

// The connections of all threads together.
class ConnectionCount {
 public:
  ConnectionCount(uint32_t most, std::function<void()> on_none)
      : most_(most), on_none_(std::move(on_none)) {}

  // False if there are as many as there may be.
  bool Enter();
  // Calls `on_none` when the last one has gone.
  void Leave();
  uint32_t value() const { return count_.load(); }

 private:
  const uint32_t most_;
  const std::function<void()> on_none_;
  std::atomic<uint32_t> count_{0};
};

class Worker {
 public:
  Worker(const Settings& settings, ServerTls* tls, TimeSource now, TimeSpan sweep_interval,
         ConnectionCount& connections, Limits& limits);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Before Start.
  asio::io_context& context() { return context_; }
  void UseLink(StorageLink& link) { port_ = &link.AddPort(context_, deadlines_); }
  // `behind_proxy`: load balancers tell whose connections they pass on.
  void AddAcceptor(asio::ip::tcp::acceptor acceptor, bool implicit_tls, bool behind_proxy);

  void Start();

  // Any thread; carried out on the worker's.
  void BeginAccepting();
  void StopAccepting();
  void EndSessions();
  // Lets the thread end once it has nothing to do.
  void Release();
  void Join();

 private:
  struct Listener {
    asio::ip::tcp::acceptor acceptor;
    bool implicit_tls = false;
    bool behind_proxy = false;
  };

  asio::awaitable<void> Accept(Listener& listener);
  void Take(asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& remote,
            const Listener& listener);
  // `counted`: among the connections that there may be.
  asio::awaitable<void> Serve(asio::ip::tcp::socket socket, Arrival arrival,
                              asio::ip::tcp::endpoint remote, bool counted);
  asio::awaitable<void> Sweep();

  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  const Settings& settings_;
  ServerTls* const tls_;
  Deadlines deadlines_;
  const TimeSpan sweep_interval_;
  asio::steady_timer sweep_timer_;
  ConnectionCount& connections_;
  Limits& limits_;
  Farewells farewells_;
  Turnstile large_commits_;
  LinkPort* port_ = nullptr;
  std::list<Listener> listeners_;
  absl::flat_hash_set<Session*> sessions_;
  std::mt19937_64 session_ids_;
  bool released_ = false;
  std::thread thread_;
};

}  // namespace restante::pop3
