#include "storage-service/ctl/transfer/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

constexpr size_t kReadOctets = size_t{256} << 10;
constexpr size_t kMostLine = size_t{64} << 10;

}  // namespace

absl::StatusOr<LineReader> LineReader::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return RefusedError(absl::StrCat("can't open ", path, ": ", std::strerror(errno)));
  }
  return LineReader(fd, path);
}

LineReader::LineReader(LineReader&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_),
      read_(other.read_),
      offset_(other.offset_),
      continues_(other.continues_),
      in_line_(other.in_line_) {}

LineReader::~LineReader() {
  if (fd_ >= 0) close(fd_);
}

void LineReader::Seek(uint64_t offset) {
  buffer_.clear();
  begin_ = 0;
  read_ = offset_ = offset;
  continues_ = in_line_ = false;
}

absl::StatusOr<bool> LineReader::Next(absl::string_view* line) {
  size_t end = std::string::npos;
  while (true) {
    end = buffer_.find('\n', begin_);
    if (end != std::string::npos || buffer_.size() - begin_ >= kMostLine) break;
    buffer_.erase(0, begin_);
    begin_ = 0;
    const size_t kept = buffer_.size();
    buffer_.resize(kept + kReadOctets);
    const ssize_t octets =
        pread(fd_, buffer_.data() + kept, kReadOctets, static_cast<off_t>(read_));
    buffer_.resize(kept + static_cast<size_t>(std::max<ssize_t>(octets, 0)));
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0) {
      return RefusedError(absl::StrCat("can't read ", path_, ": ", std::strerror(errno)));
    }
    read_ += static_cast<uint64_t>(octets);
    if (octets == 0) break;
  }
  const size_t left = buffer_.size() - begin_;
  const size_t length = std::min(end == std::string::npos ? left : end + 1 - begin_, kMostLine);
  if (length == 0) return false;
  offset_ = read_ - left;
  *line = absl::string_view(buffer_).substr(begin_, length);
  begin_ += length;
  continues_ = in_line_;
  in_line_ = line->back() != '\n';
  return true;
}

}  // namespace restante::ctl
