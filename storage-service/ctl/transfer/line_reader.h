// Lines of a file of any size, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::ctl {

class LineReader {
 public:
  // Errors name the path.
  static absl::StatusOr<LineReader> Open(const std::string& path);
  LineReader(LineReader&& other) noexcept;
  LineReader& operator=(LineReader&&) = delete;
  ~LineReader();

  // The next line, with its LF; false at the end. Of a line longer than 64 KiB a piece:
  // `continues()` then says of the one behind it that it doesn't begin a line. Valid until
  // the next call.
  absl::StatusOr<bool> Next(absl::string_view* line);
  bool continues() const { return continues_; }

  // Where the line told last begins, in octets of the file.
  uint64_t offset() const { return offset_; }
  void Seek(uint64_t offset);

 private:
  LineReader(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  int fd_;
  std::string path_;
  std::string buffer_;
  size_t begin_ = 0;   // of what hasn't been told, in the buffer
  uint64_t read_ = 0;  // where the buffer ends in the file
  uint64_t offset_ = 0;
  bool continues_ = false;
  bool in_line_ = false;  // the piece told last has no LF
};

}  // namespace restante::ctl
