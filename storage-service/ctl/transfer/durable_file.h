// Writing files so that a crash leaves the old one or the new one, and what was called
// durable stays. Errors name the path.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::ctl {

// A file that is open for writing, closed with it.
class OutputFile {
 public:
  // `flags` are open(2)'s, besides O_WRONLY | O_CLOEXEC.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Open(const std::string& path, int flags);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status Write(absl::string_view octets);
  absl::Status Sync();
  absl::Status Truncate(uint64_t octets);
  // Where the next octet goes, when the file was opened with O_APPEND or is new.
  uint64_t octets() const { return octets_; }
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

 private:
  OutputFile(int fd, std::string path, uint64_t octets)
      : fd_(fd), path_(std::move(path)), octets_(octets) {}

  const int fd_;
  const std::string path_;
  uint64_t octets_;
};

// The file has this content, durably, or what it had.
absl::Status ReplaceFile(const std::string& path, absl::string_view content);

absl::Status MakeDirectories(const std::string& path);
absl::Status Rename(const std::string& from, const std::string& to);
// Names in a directory are durable.
absl::Status SyncDirectory(const std::string& path);
// All that was written to the file system that holds the path is durable.
absl::Status SyncFileSystem(const std::string& path);

}  // namespace restante::ctl
