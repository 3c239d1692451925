#include "tests/pop3d/client.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace restante::pop3 {
namespace {

constexpr int kPatienceMilliseconds = 20'000;

bool WaitFor(int fd, short events) {
  pollfd entry{fd, events, 0};
  return poll(&entry, 1, kPatienceMilliseconds) == 1;
}

}  // namespace

Client::Client(const asio::ip::tcp::endpoint& server, bool tls, int receive_buffer) {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  fd_ = socket(server.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (receive_buffer != 0) {
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  if (connect(fd_, server.data(), static_cast<socklen_t>(server.size())) != 0) {
    ADD_FAILURE() << "connect: " << strerror(errno);
  }
  if (tls) {
    EXPECT_TRUE(Handshake());
  }
}

Client::~Client() { Close(); }

void Client::SayNoMore() { shutdown(fd_, SHUT_WR); }

void Client::Close(bool reset) {
  if (fd_ < 0) return;
  if (reset) {
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  tls_.reset();
  close(fd_);
  fd_ = -1;
}

bool Client::Handshake() {
  tls_.reset(SSL_new(context_.get()));
  SSL_set_fd(tls_.get(), fd_);
  const timeval patience{kPatienceMilliseconds / 1000, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (SSL_connect(tls_.get()) == 1) return true;
  tls_.reset();
  return false;
}

std::string Client::ServerName() const {
  if (tls_ == nullptr) return "";
  char name[128] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(tls_.get())),
                            NID_commonName, name, sizeof(name));
  return name;
}

void Client::Send(absl::string_view octets) {
  while (!octets.empty()) {
    const ssize_t sent =
        tls_ != nullptr ? SSL_write(tls_.get(), octets.data(), static_cast<int>(octets.size()))
                        : send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    // A server that has closed shows in what is read.
    if (sent <= 0) return;
    octets.remove_prefix(static_cast<size_t>(sent));
  }
}

void Client::SendSlowly(absl::string_view octets) {
  for (size_t i = 0; i < octets.size(); ++i) Send(octets.substr(i, 1));
}

bool Client::Fill() {
  char octets[16 * 1024];
  ssize_t received = 0;
  if (tls_ != nullptr) {
    received = SSL_read(tls_.get(), octets, sizeof(octets));
  } else {
    if (!WaitFor(fd_, POLLIN)) {
      ADD_FAILURE() << "the server says nothing";
      return false;
    }
    received = recv(fd_, octets, sizeof(octets), 0);
  }
  if (received < 0 && errno == ECONNRESET) reset_ = true;
  if (received <= 0) return false;
  input_.append(octets, static_cast<size_t>(received));
  return true;
}

std::string Client::ReadLine() {
  size_t end = 0;
  while ((end = input_.find('\n')) == input_.npos) {
    if (!Fill()) return "(end of connection)";
  }
  std::string line = input_.substr(0, end + 1);
  input_.erase(0, end + 1);
  EXPECT_TRUE(absl::EndsWith(line, "\r\n")) << line;
  line.resize(line.size() - std::min<size_t>(line.size(), 2));
  return line;
}

std::string Client::ReadBody() {
  std::string body;
  while (true) {
    const std::string line = ReadLine();
    if (line == ".") return body;
    if (line == "(end of connection)") {
      ADD_FAILURE() << "the connection ended inside a response";
      return body;
    }
    absl::StrAppend(&body, absl::StartsWith(line, ".") ? line.substr(1) : line, "\r\n");
  }
}

std::string Client::ReadOctets(size_t count) {
  while (input_.size() < count) {
    if (!Fill()) break;
  }
  std::string octets = input_.substr(0, count);
  input_.erase(0, octets.size());
  return octets;
}

bool Client::AtEnd() {
  if (!input_.empty()) {
    ADD_FAILURE() << "unexpected: " << input_;
    return false;
  }
  if (Fill()) {
    ADD_FAILURE() << "unexpected: " << input_;
    return false;
  }
  return true;
}

bool Client::HasOctets() {
  if (!input_.empty()) return true;
  pollfd entry{fd_, POLLIN, 0};
  return poll(&entry, 1, 0) == 1;
}

std::string Client::Command(absl::string_view line) {
  Send(absl::StrCat(line, "\r\n"));
  return ReadLine();
}

std::string Client::MultiLine(absl::string_view line, std::string* first) {
  const std::string reply = Command(line);
  if (first != nullptr) *first = reply;
  EXPECT_TRUE(absl::StartsWith(reply, "+OK")) << line << ": " << reply;
  if (!absl::StartsWith(reply, "+OK")) return "";
  return ReadBody();
}

std::string Client::LogIn(absl::string_view user, absl::string_view password) {
  EXPECT_TRUE(absl::StartsWith(ReadLine(), "+OK"));
  const std::string reply = Command(absl::StrCat("USER ", user));
  if (!absl::StartsWith(reply, "+OK")) return reply;
  return Command(absl::StrCat("PASS ", password));
}

}  // namespace restante::pop3
