#include "storage-service/ctl/transfer/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

absl::Status Failed(absl::string_view what, const std::string& path) {
  return RefusedError(absl::StrCat("can't ", what, " ", path, ": ", std::strerror(errno)));
}

// Opens a directory for as long as `call` takes, and tells what it couldn't do.
absl::Status WithDirectory(const std::string& path, int (*call)(int)) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("open", path);
  const int result = call(fd);
  absl::Status status = result == 0 ? absl::OkStatus() : Failed("sync", path);
  close(fd);
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Open(const std::string& path,
                                                             int flags) {
  // Mail is nobody else's.
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0600);
  if (fd < 0) return Failed("open", path);
  struct stat entry {};
  const uint64_t octets = fstat(fd, &entry) == 0 ? static_cast<uint64_t>(entry.st_size) : 0;
  return std::unique_ptr<OutputFile>(new OutputFile(fd, path, octets));
}

OutputFile::~OutputFile() { close(fd_); }

absl::Status OutputFile::Write(absl::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = write(fd_, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write", path_);
    octets.remove_prefix(static_cast<size_t>(written));
    octets_ += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Sync() {
  return fsync(fd_) == 0 ? absl::OkStatus() : Failed("sync", path_);
}

absl::Status OutputFile::Truncate(uint64_t octets) {
  if (ftruncate(fd_, static_cast<off_t>(octets)) != 0) return Failed("truncate", path_);
  octets_ = octets;
  return absl::OkStatus();
}

absl::Status ReplaceFile(const std::string& path, absl::string_view content) {
  const std::string draft = absl::StrCat(path, ".tmp");
  {
    const auto file = OutputFile::Open(draft, O_CREAT | O_TRUNC);
    if (!file.ok()) return file.status();
    absl::Status written = (*file)->Write(content);
    if (written.ok()) written = (*file)->Sync();
    if (!written.ok()) return written;
  }
  absl::Status renamed = Rename(draft, path);
  if (!renamed.ok()) return renamed;
  return SyncDirectory(std::filesystem::path(path).parent_path().string());
}

absl::Status MakeDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return RefusedError(absl::StrCat("can't make ", path, ": ", error.message()));
  return absl::OkStatus();
}

absl::Status Rename(const std::string& from, const std::string& to) {
  return std::rename(from.c_str(), to.c_str()) == 0 ? absl::OkStatus() : Failed("rename", from);
}

absl::Status SyncDirectory(const std::string& path) { return WithDirectory(path, fsync); }

absl::Status SyncFileSystem(const std::string& path) { return WithDirectory(path, syncfs); }

}  // namespace restante::ctl
