#include "plugins/deliver/connection.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace restante::deliver {
namespace {

using Clock = std::chrono::steady_clock;

// Longer ones than RFC 5321, section 4.5.3.1.5, allows, and no more of them than any
// server has extensions.
constexpr size_t kMaxLineOctets = 4096;
constexpr int kMaxLines = 100;

// No paths and addresses: MTAs show this text to senders too.
absl::Status Unreachable(absl::string_view what, int error) {
  return absl::UnavailableError(
      absl::StrCat(what, ": ", std::generic_category().message(error)));
}

// 0, or an errno.
int Await(int fd, short events, Clock::time_point until) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waiting{fd, events, 0};
    const int ready = poll(&waiting, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready > 0) return 0;
    if (ready == 0) return ETIMEDOUT;
    if (errno != EINTR) return errno;
  }
}

// Connects fd, or tells why not.
int Connect(int fd, const sockaddr* address, socklen_t length, Clock::time_point until) {
  // A UNIX socket whose queue is full says EAGAIN, and nothing tells when it isn't.
  while (connect(fd, address, length) != 0) {
    if (errno == EAGAIN && Clock::now() < until) {
      poll(nullptr, 0, 5);
      continue;
    }
    if (errno != EINPROGRESS) return errno;
    if (const int error = Await(fd, POLLOUT, until)) return error;
    int error = 0;
    socklen_t size = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
  }
  return 0;
}

// The descriptor, or an errno below zero.
int ConnectNew(int family, const sockaddr* address, socklen_t length, Clock::time_point until) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  const int error = Connect(fd, address, length, until);
  if (error == 0) return fd;
  close(fd);
  return -error;
}

absl::StatusOr<int> ConnectUnix(const std::string& path, Clock::time_point until) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd =
      ConnectNew(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address), until);
  if (fd < 0) return Unreachable("can't connect to restante-lmtpd", -fd);
  return fd;
}

absl::StatusOr<int> ConnectTcp(const ServerAddress& server, Clock::time_point until) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(server.host.c_str(), server.port.c_str(), &hints, &found);
  if (failure != 0) {
    return absl::UnavailableError(
        absl::StrCat("can't find the host of restante-lmtpd: ", gai_strerror(failure)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  int error = EHOSTUNREACH;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const int fd = ConnectNew(one->ai_family, one->ai_addr, one->ai_addrlen, until);
    if (fd >= 0) return fd;
    error = -fd;
  }
  return Unreachable("can't connect to restante-lmtpd", error);
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// How long the enhanced status code at the beginning of `text` is, or 0.
size_t EnhancedLength(std::string_view text) {
  size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    const size_t begin = at;
    while (at < text.size() && IsDigit(text[at]) && at - begin < 3) ++at;
    if (at == begin) return 0;
    if (part == 2) break;
    if (at == text.size() || text[at] != '.') return 0;
    ++at;
  }
  return at == text.size() || text[at] == ' ' ? at : 0;
}

std::string Printable(std::string_view text) {
  std::string printable(text);
  for (char& c : printable) {
    if (c < 0x20 || c == 0x7F) c = '?';
  }
  return printable;
}

}  // namespace

absl::StatusOr<Connection> Connection::Open(const ServerAddress& address,
                                            std::chrono::milliseconds connect_within,
                                            std::chrono::milliseconds wait) {
  const Clock::time_point until = Clock::now() + connect_within;
  const absl::StatusOr<int> fd = address.unix_path.empty()
                                     ? ConnectTcp(address, until)
                                     : ConnectUnix(address.unix_path, until);
  if (!fd.ok()) return fd.status();
  return Connection(*fd, wait);
}

Connection::~Connection() {
  if (fd_ >= 0) close(fd_);
}

Connection::Connection(Connection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), wait_(other.wait_), input_(std::move(other.input_)) {}

absl::Status Connection::Write(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t sent = send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      octets.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN) error = Await(fd_, POLLOUT, Clock::now() + wait_);
    if (error != 0) return Unreachable("lost restante-lmtpd", error);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Connection::ReadLine() {
  const Clock::time_point until = Clock::now() + wait_;
  while (true) {
    const size_t lf = input_.find('\n');
    if (lf != input_.npos) {
      std::string line = input_.substr(0, lf);
      input_.erase(0, lf + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
    if (input_.size() > kMaxLineOctets) {
      return absl::UnavailableError("restante-lmtpd answers with an endless line");
    }
    char octets[1024];
    const ssize_t got = recv(fd_, octets, sizeof(octets), 0);
    if (got == 0) return absl::UnavailableError("restante-lmtpd has closed the connection");
    if (got > 0) {
      input_.append(octets, static_cast<size_t>(got));
      continue;
    }
    int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN) error = Await(fd_, POLLIN, until);
    if (error != 0) return Unreachable("no answer of restante-lmtpd", error);
  }
}

absl::StatusOr<Reply> Connection::ReadReply() {
  Reply reply;
  for (int i = 0; i < kMaxLines; ++i) {
    const absl::StatusOr<std::string> line = ReadLine();
    if (!line.ok()) return line.status();
    std::string_view rest = *line;
    const bool code = rest.size() >= 3 && rest[0] >= '2' && rest[0] <= '5' &&
                      IsDigit(rest[1]) && IsDigit(rest[2]);
    if (!code || (rest.size() > 3 && rest[3] != ' ' && rest[3] != '-')) break;
    reply.code = (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
    const bool more = rest.size() > 3 && rest[3] == '-';
    rest.remove_prefix(rest.size() > 3 ? 4 : 3);
    reply.lines.append(rest).push_back('\n');
    if (more) continue;
    const size_t enhanced = EnhancedLength(rest);
    reply.enhanced = std::string(rest.substr(0, enhanced));
    if (enhanced > 0) rest.remove_prefix(std::min(enhanced + 1, rest.size()));
    reply.text = Printable(rest);
    return reply;
  }
  return absl::UnavailableError("what answers isn't an LMTP server");
}

}  // namespace restante::deliver
