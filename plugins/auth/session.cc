#include "plugins/auth/session.h"

#include <unistd.h>
#include <unistr.h>

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_call.h"
#include "common/id128.h"
#include "common/log.h"

namespace restante::auth {
namespace {

constexpr absl::string_view kComponent = "auth";

using Clock = std::chrono::steady_clock;

uint32_t NextConnectionNumber() {
  static std::atomic<uint32_t> number{0};
  return number.fetch_add(1, std::memory_order_relaxed) + 1;
}

bool IsUtf8(const std::string& text) {
  return u8_check(reinterpret_cast<const uint8_t*>(text.data()), text.size()) == nullptr;
}

// What the storage service's answer means to an MTA, and to an operator who reads the log.
Failure FailureOf(const absl::Status& status) {
  switch (ReasonOf(status)) {
    case v1::ERROR_REASON_BAD_CREDENTIALS:
    case v1::ERROR_REASON_BAD_ADDRESS:
      return Failure::kCredentials;
    case v1::ERROR_REASON_ACCOUNT_DISABLED:
    case v1::ERROR_REASON_PROTOCOL_DISABLED:
      return Failure::kDisabled;
    default:
      return Failure::kTemporary;
  }
}

}  // namespace

asio::awaitable<void> Session::Run() {
  std::string handshake = Handshake(static_cast<uint32_t>(getpid()), NextConnectionNumber(),
                                    Id128::Random().ToHex());
  bool open = co_await connection_.Send(std::move(handshake));
  while (open) {
    ClientLine line;
    open = co_await ReadLine(&line);
    if (open) open = co_await CarryOut(std::move(line));
  }
}

asio::awaitable<bool> Session::ReadLine(ClientLine* line) {
  std::string& input = connection_.input();
  size_t searched = 0;
  while (true) {
    const size_t end = input.find('\n', searched);
    if (end < kMaxLineOctets) {
      *line = ParseLine(std::string_view(input).substr(0, end));
      input.erase(0, end + 1);
      co_return true;
    }
    searched = input.size();
    if (end != input.npos || searched >= kMaxLineOctets) {
      LogWarning(kComponent, "Line too long", {{"max_octets", kMaxLineOctets}});
      co_return false;
    }
    const bool more = co_await connection_.Receive();
    if (!more) co_return false;
  }
}

asio::awaitable<bool> Session::CarryOut(ClientLine line) {
  switch (line.verb) {
    case ClientLine::Verb::kVersion:
      greeted_ = line.major == 1;
      if (!greeted_) LogWarning(kComponent, "Other version", {{"major", line.major}});
      co_return greeted_;
    case ClientLine::Verb::kProcess:
    case ClientLine::Verb::kUnknown:
      co_return true;
    case ClientLine::Verb::kCancel:
      waiting_.erase(line.id);
      co_return true;
    default:
      break;
  }
  if (line.verb == ClientLine::Verb::kMalformed || !greeted_) {
    LogWarning(kComponent, "Not a client of the authentication protocol");
    co_return false;
  }
  bool open = false;
  if (line.verb == ClientLine::Verb::kAuth) {
    open = co_await Begin(std::move(line));
  } else {
    open = co_await Continue(std::move(line));
  }
  co_return open;
}

asio::awaitable<bool> Session::Begin(ClientLine line) {
  std::optional<Exchange> exchange = Exchange::Begin(line.mechanism);
  const bool room = waiting_.size() < kMaxExchanges && waiting_.count(line.id) == 0;
  bool open = false;
  if (!exchange.has_value() || !room) {
    const Failure failure = room ? Failure::kCredentials : Failure::kTemporary;
    open = co_await Fail(line.id, "", failure, Clock::now());
    co_return open;
  }
  std::optional<std::string> response;
  if (line.has_response) response = std::move(line.response);
  Login login{*std::move(exchange), std::move(line.service), std::move(line.remote),
              line.secured};
  open = co_await Respond(line.id, std::move(login), std::move(response));
  co_return open;
}

asio::awaitable<bool> Session::Continue(ClientLine line) {
  bool open = false;
  const auto found = waiting_.find(line.id);
  if (found == waiting_.end()) {
    open = co_await Fail(line.id, "", Failure::kCredentials, Clock::now());
    co_return open;
  }
  Login login = std::move(found->second);
  waiting_.erase(found);
  std::optional<std::string> response = std::move(line.response);
  open = co_await Respond(line.id, std::move(login), std::move(response));
  co_return open;
}

asio::awaitable<bool> Session::Respond(uint32_t id, Login login,
                                       std::optional<std::string> base64) {
  const Clock::time_point since = Clock::now();
  bool open = false;
  switch (login.exchange.Respond(base64)) {
    case Exchange::Next::kChallenge: {
      std::string challenge = ContinueLine(id, login.exchange.challenge());
      waiting_.emplace(id, std::move(login));
      open = co_await connection_.Send(std::move(challenge));
      break;
    }
    case Exchange::Next::kComplete:
      open = co_await Authenticate(id, std::move(login));
      break;
    case Exchange::Next::kMalformed:
      open = co_await Fail(id, "", Failure::kCredentials, since);
      break;
    case Exchange::Next::kOtherUser:
      open = co_await Fail(id, "", Failure::kOtherUser, since);
      break;
  }
  co_return open;
}

asio::awaitable<bool> Session::Authenticate(uint32_t id, Login login) {
  const Clock::time_point since = Clock::now();
  const std::string user = login.exchange.user();
  v1::AuthenticatePasswordRequest request = RequestFor(login);
  const std::string request_id = request.client().request_id();
  absl::StatusOr<v1::AuthenticatePasswordResponse> answer =
      MakeError(v1::ERROR_REASON_BAD_CREDENTIALS, "not UTF-8");
  // Protobuf would refuse the message as a whole.
  if (IsUtf8(user) && IsUtf8(request.password()) && IsUtf8(login.remote) &&
      IsUtf8(login.service)) {
    const auto start = [this](auto... call) {
      storage_.async()->AuthenticatePassword(call...);
    };
    answer = co_await CallUnary<v1::AuthenticatePasswordResponse>(
        connection_.executor(), settings_.storage_timeout, std::move(request), start);
  }
  LogOutcome(login, request_id, answer.status());
  bool open = false;
  if (answer.ok()) {
    std::string line = OkLine(id, answer->address());
    open = co_await connection_.Send(std::move(line));
    co_return open;
  }
  const Failure failure = FailureOf(answer.status());
  // Postfix before 3.8 takes any FAIL for a wrong password, and clients then ask for
  // another one; of a lost connection it and Exim make a temporary failure.
  if (failure == Failure::kTemporary) co_return false;
  open = co_await Fail(id, user, failure, since);
  co_return open;
}

v1::AuthenticatePasswordRequest Session::RequestFor(const Login& login) {
  v1::AuthenticatePasswordRequest request;
  request.set_address(login.exchange.user());
  request.set_password(login.exchange.password());
  v1::ClientInfo& client = *request.mutable_client();
  client.set_remote_address(login.remote);
  client.set_protocol(login.service.empty() ? "smtp" : login.service);
  client.set_tls(login.secured);
  client.set_request_id(Id128::Random().ToHex().substr(0, 16));
  return request;
}

void Session::LogOutcome(const Login& login, const std::string& request_id,
                         const absl::Status& status) {
  const bool temporary = !status.ok() && FailureOf(status) == Failure::kTemporary;
  (temporary ? LogWarning : LogInfo)(kComponent, status.ok() ? "Login" : "Login failed",
                                     {{"user", login.exchange.user()},
                                      {"service", login.service},
                                      {"rip", login.remote},
                                      {"tls", login.secured},
                                      {"request", request_id},
                                      {"error", status}});
}

asio::awaitable<bool> Session::Fail(uint32_t id, std::string user, Failure failure,
                                    std::chrono::steady_clock::time_point since) {
  // A temporary failure says nothing about a password, so nothing is gained by waiting.
  if (failure != Failure::kTemporary) {
    const auto left =
        settings_.failed_login_delay -
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since);
    if (left.count() > 0) {
      const bool open = co_await connection_.Pause(left);
      if (!open) co_return false;
    }
  }
  const bool open = co_await connection_.Send(FailLine(id, user, failure));
  co_return open;
}

}  // namespace restante::auth
