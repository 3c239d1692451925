#include "tests/lmtpd/lmtp_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <utility>

namespace restante::lmtp {
namespace {

constexpr int kPatienceMs = 20'000;
// A server that takes nothing for so long is taken to be waiting for something.
constexpr int kBlockedMs = 500;

}  // namespace

LmtpClient::LmtpClient(int port) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
}

LmtpClient::LmtpClient(const std::string& path) {
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
}

LmtpClient::~LmtpClient() { Close(); }

void LmtpClient::Close() {
  tls_.reset();
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

bool LmtpClient::Handshake(const std::string& certificate_file, const std::string& key_file) {
  const std::unique_ptr<SSL_CTX, FreeOpenSsl> context(SSL_CTX_new(TLS_client_method()));
  if (!certificate_file.empty()) {
    EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM),
              1);
  }
  const timeval patience{kPatienceMs / 1000, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  tls_.reset(SSL_new(context.get()));
  SSL_set_fd(tls_.get(), fd_);
  if (SSL_connect(tls_.get()) == 1) return true;
  tls_.reset();
  return false;
}

void LmtpClient::ShutdownSend() { shutdown(fd_, SHUT_WR); }

void LmtpClient::Send(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t sent =
        tls_ != nullptr ? SSL_write(tls_.get(), octets.data(), static_cast<int>(octets.size()))
                        : send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // a reply, or the end, tells why
    octets.remove_prefix(static_cast<size_t>(sent));
  }
}

size_t LmtpClient::SendUntilBlocked(std::string_view octets) {
  size_t total = 0;
  while (total < octets.size()) {
    pollfd wait{fd_, POLLOUT, 0};
    if (poll(&wait, 1, kBlockedMs) <= 0) break;
    const ssize_t sent =
        send(fd_, octets.data() + total, octets.size() - total, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) total += static_cast<size_t>(sent);
  }
  return total;
}

bool LmtpClient::Receive() {
  char octets[64 * 1024];
  ssize_t received = 0;
  if (tls_ != nullptr) {
    received = SSL_read(tls_.get(), octets, sizeof(octets));
  } else {
    pollfd wait{fd_, POLLIN, 0};
    if (poll(&wait, 1, kPatienceMs) <= 0) {
      ADD_FAILURE() << "no answer; so far: " << input_;
      return false;
    }
    received = recv(fd_, octets, sizeof(octets), 0);
  }
  if (received <= 0) return false;
  input_.append(octets, static_cast<size_t>(received));
  return true;
}

std::string LmtpClient::Reply() {
  std::string reply;
  while (true) {
    const size_t end = input_.find("\r\n");
    if (end == std::string::npos) {
      if (!Receive()) return "";
      continue;
    }
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 2);
    reply += line;
    if (line.size() < 4 || line[3] != '-') return reply;
    reply += '|';
  }
}

std::vector<std::string> LmtpClient::Replies(size_t count) {
  std::vector<std::string> replies;
  for (size_t i = 0; i < count; ++i) replies.push_back(Reply());
  return replies;
}

std::string LmtpClient::Command(std::string_view line) {
  Send(std::string(line) + "\r\n");
  return Reply();
}

void LmtpClient::Greet() {
  EXPECT_EQ(Reply().substr(0, 4), "220 ");
  EXPECT_EQ(Command("LHLO client.example").substr(0, 4), "250-");
}

std::string LmtpClient::Rest() {
  while (Receive()) {
  }
  return std::exchange(input_, {});
}

}  // namespace restante::lmtp
