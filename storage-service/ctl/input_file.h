// A file named on the command line, or standard input for "-", read piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace restante::ctl {

class InputFile {
 public:
  // Errors name the path and what is wrong with it; a directory is refused.
  static absl::StatusOr<InputFile> Open(const std::string& path, int standard_input);

  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  // The next octets, at most `limit`; empty at the end.
  absl::StatusOr<std::string> Read(size_t limit);

  // Octets of a regular file; 0 if it isn't known before the end.
  uint64_t size() const { return size_; }
  const std::string& name() const { return name_; }

 private:
  InputFile(int fd, bool owned, uint64_t size, std::string name);

  int fd_;
  bool owned_;
  uint64_t size_;
  std::string name_;
};

}  // namespace restante::ctl
