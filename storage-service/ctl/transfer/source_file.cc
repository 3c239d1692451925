#include "storage-service/ctl/transfer/source_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/import_file.h"

namespace restante::ctl {
namespace {

constexpr size_t kPieceOctets = size_t{256} << 10;

absl::Status CanNotRead(const std::string& path) {
  return RefusedError(absl::StrCat("can't read ", path, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::optional<std::string>> ReadIfThere(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  absl::StatusOr<std::string> text = ReadWhole(path, -1);
  if (!text.ok()) return text.status();
  return *std::move(text);
}

std::optional<FileFacts> FactsOf(const std::string& path) {
  struct stat entry {};
  if (stat(path.c_str(), &entry) != 0 || !S_ISREG(entry.st_mode)) return std::nullopt;
  return FileFacts{absl::TimeFromTimespec(entry.st_mtim), static_cast<uint64_t>(entry.st_size)};
}

absl::Status SendFile(const std::string& path, const SourceMessage& message,
                      MessageSink* sink) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT) return absl::NotFoundError(path);
    sink->Unreadable(message, CanNotRead(path));
    return absl::OkStatus();
  }
  const auto closing = absl::MakeCleanup([fd] { close(fd); });
  absl::Status status = sink->Begin(message);
  // A piece more than is expected: a short one is the last, and saves a call.
  size_t wanted = std::min<size_t>(kPieceOctets, message.octets + 1);
  while (status.ok()) {
    std::string piece(wanted, '\0');
    const ssize_t octets = read(fd, piece.data(), piece.size());
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0) return sink->Abandon(CanNotRead(path));
    piece.resize(static_cast<size_t>(octets));
    const bool last = piece.size() < wanted;
    if (!piece.empty()) status = sink->Data(std::move(piece));
    if (last) break;
    wanted = kPieceOctets;
  }
  return status.ok() ? sink->End() : status;
}

}  // namespace restante::ctl
