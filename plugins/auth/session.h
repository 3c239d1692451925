// One MTA's connection: the server of Dovecot's authentication protocol. Requests are
// answered in their order, one at a time, so that a client that guesses passwords waits for
// each answer; MTAs open a connection for each of their processes.
//
// If the storage service can't say, the session ends: that is what MTAs take for a temporary
// failure.
//
// Holds one line, and at most kMaxExchanges exchanges that wait for their client.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "asio/awaitable.hpp"
#include "common/stream_server.h"
#include "plugins/auth/exchange.h"
#include "plugins/auth/protocol.h"
#include "restante/v1/authenticator.grpc.pb.h"

namespace restante::auth {

struct SessionSettings {
  std::chrono::milliseconds failed_login_delay{0};
  std::chrono::milliseconds storage_timeout{0};
};

class Session {
 public:
  static constexpr size_t kMaxExchanges = 16;

  // All must outlive it.
  Session(StreamConnection& connection, const SessionSettings& settings,
          v1::AuthenticatorService::Stub& storage)
      : connection_(connection), settings_(settings), storage_(storage) {}

  asio::awaitable<void> Run();

 private:
  struct Login {
    Exchange exchange;
    std::string service;
    std::string remote;
    bool secured = false;
  };

  // The next line, or false at the end of the connection.
  asio::awaitable<bool> ReadLine(ClientLine* line);
  // Those that can end the session answer false then.
  asio::awaitable<bool> CarryOut(ClientLine line);
  asio::awaitable<bool> Begin(ClientLine line);
  asio::awaitable<bool> Continue(ClientLine line);
  asio::awaitable<bool> Respond(uint32_t id, Login login, std::optional<std::string> base64);
  asio::awaitable<bool> Authenticate(uint32_t id, Login login);
  static v1::AuthenticatePasswordRequest RequestFor(const Login& login);
  static void LogOutcome(const Login& login, const std::string& request_id,
                         const absl::Status& status);
  asio::awaitable<bool> Fail(uint32_t id, std::string user, Failure failure,
                             std::chrono::steady_clock::time_point since);

  StreamConnection& connection_;
  const SessionSettings& settings_;
  v1::AuthenticatorService::Stub& storage_;
  bool greeted_ = false;
  std::map<uint32_t, Login> waiting_;
};

}  // namespace restante::auth
