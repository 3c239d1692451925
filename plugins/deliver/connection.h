// A connection to an LMTP server that is waited on: lines come in whole, octets go out,
// and every wait has an end. Knows nothing of commands and what replies mean, but for
// their form. Errors are UNAVAILABLE, with a text for the MTA's log.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plugins/deliver/config.h"

namespace restante::deliver {

// A reply of LMTP (RFC 5321, section 4.2).
struct Reply {
  int code = 0;
  // The enhanced status code (RFC 2034), such as "5.1.1"; empty if there is none.
  std::string enhanced;
  // The text of its last line, printable.
  std::string text;
  // All lines without code and line end: what LHLO is answered.
  std::string lines;

  bool Accepted() const { return code / 100 == 2; }
};

class Connection {
 public:
  // `wait` is for every read and write after this.
  static absl::StatusOr<Connection> Open(const ServerAddress& address,
                                         std::chrono::milliseconds connect_within,
                                         std::chrono::milliseconds wait);
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  absl::Status Write(std::string_view octets);
  absl::StatusOr<Reply> ReadReply();

 private:
  Connection(int fd, std::chrono::milliseconds wait) : fd_(fd), wait_(wait) {}

  absl::StatusOr<std::string> ReadLine();

  int fd_;
  const std::chrono::milliseconds wait_;
  std::string input_;
};

}  // namespace restante::deliver
