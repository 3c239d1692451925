#include "common/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace restante {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

absl::Status SystemError(absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(what, " ", path));
}

// Removes the socket of a process that has gone.
absl::Status RemoveStale(const std::string& path) {
  struct stat file {};
  if (lstat(path.c_str(), &file) != 0) {
    return errno == ENOENT ? absl::OkStatus() : SystemError("can't look at", path);
  }
  if (!S_ISSOCK(file.st_mode)) {
    return absl::AlreadyExistsError(absl::StrCat(path, " exists and isn't a socket"));
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return SystemError("can't make a socket to look at", path);
  const sockaddr_un address = AddressOf(path);
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = result == 0 ? 0 : errno;
  close(fd);
  if (error != ECONNREFUSED) {
    return absl::AlreadyExistsError(absl::StrCat("another process listens on ", path));
  }
  if (unlink(path.c_str()) != 0) return SystemError("can't remove the stale socket", path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnixSocketFile>> UnixSocketFile::Bind(int fd, std::string path,
                                                                     mode_t mode) {
  if (absl::Status status = RemoveStale(path); !status.ok()) return status;
  const sockaddr_un address = AddressOf(path);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return SystemError("can't bind", path);
  }
  struct stat file {};
  // Nobody can connect before listen(), so the mode comes in time.
  if (chmod(path.c_str(), mode) != 0 || lstat(path.c_str(), &file) != 0) {
    return SystemError("can't set the mode of", path);
  }
  return absl::WrapUnique(new UnixSocketFile(std::move(path), file.st_dev, file.st_ino));
}

UnixSocketFile::~UnixSocketFile() {
  struct stat file {};
  if (lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

}  // namespace restante
