#include "storage-service/ctl/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {

absl::StatusOr<InputFile> InputFile::Open(const std::string& path, int standard_input) {
  if (path == "-") return InputFile(standard_input, false, 0, "standard input");
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return RefusedError(absl::StrCat("can't open ", path, ": ", std::strerror(errno)));
  }
  InputFile file(fd, true, 0, path);
  struct stat status {};
  if (fstat(fd, &status) == 0) {
    if (S_ISDIR(status.st_mode)) return RefusedError(absl::StrCat(path, " is a directory"));
    if (S_ISREG(status.st_mode)) file.size_ = static_cast<uint64_t>(status.st_size);
  }
  return file;
}

InputFile::InputFile(int fd, bool owned, uint64_t size, std::string name)
    : fd_(fd), owned_(owned), size_(size), name_(std::move(name)) {}

InputFile::InputFile(InputFile&& other) noexcept
    : fd_(other.fd_),
      owned_(std::exchange(other.owned_, false)),
      size_(other.size_),
      name_(std::move(other.name_)) {}

InputFile::~InputFile() {
  if (owned_) close(fd_);
}

absl::StatusOr<std::string> InputFile::Read(size_t limit) {
  std::string data(limit, '\0');
  for (;;) {
    const ssize_t octets = read(fd_, data.data(), data.size());
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0) {
      return RefusedError(absl::StrCat("can't read ", name_, ": ", std::strerror(errno)));
    }
    data.resize(static_cast<size_t>(octets));
    return data;
  }
}

}  // namespace restante::ctl
