#include "storage-service/rpc/listen.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "asio/error.hpp"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/local/stream_protocol.hpp"

namespace restante::rpc {
namespace {

absl::Status CheckUnixPath(const std::string& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) == 0 && !S_ISSOCK(file.st_mode)) {
    return absl::AlreadyExistsError("the file exists and isn't a socket");
  }
  const std::filesystem::path directory = std::filesystem::absolute(path).parent_path();
  if (access(directory.c_str(), W_OK | X_OK) != 0) {
    return absl::UnavailableError(absl::StrCat(
        directory.string(), ": ", std::error_code(errno, std::generic_category()).message()));
  }
  asio::io_context io;
  asio::local::stream_protocol::socket socket(io);
  std::error_code error;
  socket.connect(asio::local::stream_protocol::endpoint(path), error);
  if (!error) return absl::AlreadyExistsError("another process listens there");
  return absl::OkStatus();
}

absl::Status CheckPort(const asio::ip::tcp::endpoint& endpoint) {
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor(io);
  std::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1, error);
  if (error) return absl::UnavailableError(error.message());
  return absl::OkStatus();
}

}  // namespace

bool IsLocal(const ListenAddress& address) {
  return address.IsUnix() || address.tcp.address().is_loopback();
}

absl::Status CheckFree(const ListenAddress& address) {
  const absl::Status status =
      address.IsUnix() ? CheckUnixPath(address.unix_path) : CheckPort(address.tcp);
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(FormatAddress(address), ": ", status.message()));
}

}  // namespace restante::rpc
