// The file of a UNIX socket to listen on: makes way for it, gives it its rights, and
// takes it away at the end.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace restante {

class UnixSocketFile {
 public:
  // Binds the socket `fd` to `path`, not listening yet. A socket left over from a process
  // that died is replaced; one that somebody listens on, or a file that is no socket,
  // isn't: ALREADY_EXISTS. Other errors name the path too.
  static absl::StatusOr<std::unique_ptr<UnixSocketFile>> Bind(int fd, std::string path,
                                                              mode_t mode);

  // Removes the file, unless another one has taken its place.
  ~UnixSocketFile();
  UnixSocketFile(const UnixSocketFile&) = delete;
  UnixSocketFile& operator=(const UnixSocketFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  UnixSocketFile(std::string path, dev_t device, ino_t inode)
      : path_(std::move(path)), device_(device), inode_(inode) {}

  const std::string path_;
  const dev_t device_;
  const ino_t inode_;
};

}  // namespace restante
