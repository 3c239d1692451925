#include "common/stream_server.h"

#include <cstring>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asio/buffer.hpp"
#include "asio/co_spawn.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/ip/v6_only.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "asio/write.hpp"
#include "common/log.h"

namespace restante {
namespace {

constexpr size_t kReceivedAtOnce = 4096;
constexpr std::chrono::seconds kReplyTaken{30};
// After an error of accept, which is one of the machine's limits.
constexpr std::chrono::milliseconds kPauseAfterAcceptError{100};

asio::ip::tcp::endpoint BoundTcp(const asio::generic::stream_protocol::endpoint& generic) {
  asio::ip::tcp::endpoint endpoint;
  if (generic.size() <= endpoint.capacity()) {
    std::memcpy(endpoint.data(), generic.data(), generic.size());
    endpoint.resize(generic.size());
  }
  return endpoint;
}

}  // namespace

StreamConnection::StreamConnection(Socket socket, std::chrono::milliseconds idle_timeout)
    : socket_(std::move(socket)),
      deadline_(socket_.get_executor()),
      pause_(socket_.get_executor()),
      idle_timeout_(idle_timeout) {}

asio::awaitable<bool> StreamConnection::Receive() {
  if (over_) co_return false;
  if (idle_timeout_.count() > 0) SetDeadline(idle_timeout_);
  const size_t before = input_.size();
  input_.resize(before + kReceivedAtOnce);
  asio::error_code error;
  const size_t octets =
      co_await socket_.async_read_some(asio::buffer(input_.data() + before, kReceivedAtOnce),
                                       asio::redirect_error(asio::use_awaitable, error));
  input_.resize(before + octets);
  ClearDeadline();
  over_ |= static_cast<bool>(error);
  co_return !over_;
}

asio::awaitable<bool> StreamConnection::Send(std::string octets) {
  if (over_) co_return false;
  SetDeadline(idle_timeout_.count() > 0 ? idle_timeout_ : kReplyTaken);
  asio::error_code error;
  co_await asio::async_write(socket_, asio::buffer(octets),
                             asio::redirect_error(asio::use_awaitable, error));
  ClearDeadline();
  over_ |= static_cast<bool>(error);
  co_return !over_;
}

asio::awaitable<bool> StreamConnection::Pause(std::chrono::milliseconds time) {
  if (over_) co_return false;
  pause_.expires_after(time);
  asio::error_code error;
  co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return !over_;
}

void StreamConnection::Interrupt() {
  over_ = true;
  asio::error_code ignored;
  socket_.cancel(ignored);
  pause_.cancel();
}

void StreamConnection::SetDeadline(std::chrono::milliseconds after) {
  deadline_.expires_after(after);
  const uint64_t number = ++*deadline_number_;
  deadline_.async_wait([this, number, current = std::weak_ptr<uint64_t>(deadline_number_)](
                           asio::error_code error) {
    const std::shared_ptr<uint64_t> now = current.lock();
    if (!error && now != nullptr && *now == number) Interrupt();
  });
}

void StreamConnection::ClearDeadline() {
  ++*deadline_number_;
  deadline_.cancel();
}

StreamServer::StreamServer(const StreamServerSettings& settings) : settings_(settings) {}

StreamServer::~StreamServer() { Stop(); }

absl::Status StreamServer::Listen(const std::string& address, Serve serve) {
  const absl::StatusOr<ListenAddress> parsed = ParseListenAddress(address);
  if (!parsed.ok()) return parsed.status();
  auto listener = std::make_unique<Listener>(io_);
  listener->address = *parsed;
  listener->serve = std::move(serve);
  if (absl::Status status = Bind(*listener); !status.ok()) return status;
  listeners_.push_back(std::move(listener));
  return absl::OkStatus();
}

absl::Status StreamServer::Bind(Listener& listener) {
  Acceptor& acceptor = listener.acceptor;
  ListenAddress& address = listener.address;
  asio::error_code error;
  if (address.IsUnix()) {
    acceptor.open(Protocol(AF_UNIX, 0), error);
    if (!error) {
      absl::StatusOr<std::unique_ptr<UnixSocketFile>> file = UnixSocketFile::Bind(
          acceptor.native_handle(), address.unix_path, settings_.unix_mode);
      if (!file.ok()) return file.status();
      listener.file = *std::move(file);
    }
  } else {
    acceptor.open(Protocol(address.tcp.protocol()), error);
    if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
    if (!error && address.tcp.address().is_v6()) {
      // "*" is every address, of IPv4 too.
      acceptor.set_option(asio::ip::v6_only(!address.tcp.address().is_unspecified()), error);
    }
    if (!error) acceptor.bind(Protocol::endpoint(address.tcp), error);
  }
  if (!error) acceptor.listen(Acceptor::max_listen_connections, error);
  if (!error && !address.IsUnix()) address.tcp = BoundTcp(acceptor.local_endpoint(error));
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("can't listen on ", FormatAddress(address), ": ", error.message()));
}

std::vector<ListenAddress> StreamServer::addresses() const {
  std::vector<ListenAddress> addresses;
  for (const auto& listener : listeners_) addresses.push_back(listener->address);
  return addresses;
}

void StreamServer::Start() {
  for (const auto& listener : listeners_) {
    asio::post(io_, [this, &listener = *listener] { Accept(listener); });
  }
  thread_ = std::thread([this] { io_.run(); });
}

void StreamServer::Accept(Listener& listener) {
  listener.acceptor.async_accept(
      [this, &listener](asio::error_code error, StreamConnection::Socket socket) {
        if (stopping_) return;
        if (error) {
          LogWarning(settings_.component, "Can't accept a connection",
                     {{"error", error.message()}});
          listener.retry.expires_after(kPauseAfterAcceptError);
          listener.retry.async_wait([this, &listener](asio::error_code stopped) {
            if (!stopped) Accept(listener);
          });
          return;
        }
        Take(listener, std::move(socket));
        Accept(listener);
      });
}

void StreamServer::Take(Listener& listener, StreamConnection::Socket socket) {
  if (connections_.size() >= settings_.max_connections) {
    // Once, until there is room again: a flood shouldn't fill the log.
    if (!std::exchange(told_full_, true)) {
      LogWarning(settings_.component, "Too many connections",
                 {{"max_connections", settings_.max_connections}});
    }
    return;
  }
  told_full_ = false;
  const auto connection =
      connections_.emplace(connections_.end(), std::move(socket), settings_.idle_timeout);
  asio::co_spawn(io_, listener.serve(*connection),
                 [this, connection](std::exception_ptr failure) {
                   // Errors are values; an exception is a bug, or no memory.
                   if (failure) std::rethrow_exception(failure);
                   connections_.erase(connection);
                   StopIfIdle();
                 });
}

void StreamServer::StopIfIdle() {
  // What waits to be run still is: a connection that was just accepted would stay open in it.
  if (stopping_ && connections_.empty()) work_.reset();
}

void StreamServer::Stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    stopping_ = true;
    asio::error_code ignored;
    for (const auto& listener : listeners_) {
      listener->acceptor.close(ignored);
      listener->retry.cancel();
      listener->file.reset();
    }
    for (StreamConnection& connection : connections_) connection.Interrupt();
    StopIfIdle();
  });
  thread_.join();
}

}  // namespace restante
