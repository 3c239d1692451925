// Whether files have changed: by what the file system knows of them, so nothing is read
// as long as nothing changes. Sees a file that is written anew in its place, one that
// is renamed over it, and a symbolic link anywhere on the way that points elsewhere
// (Kubernetes swaps the directory of a mounted secret so).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

namespace restante {

// Of one file: device, inode, size, and the times of its last change; zeros if it isn't
// there.
using FileStamp = std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t, int64_t, int64_t>;
using FileStamps = std::vector<FileStamp>;

inline FileStamps StampsOf(const std::vector<std::string>& paths) {
  FileStamps stamps;
  stamps.reserve(paths.size());
  for (const std::string& path : paths) {
    struct stat entry {};
    if (stat(path.c_str(), &entry) != 0) entry = {};
    stamps.emplace_back(entry.st_dev, entry.st_ino, entry.st_size, entry.st_mtim.tv_sec,
                        entry.st_mtim.tv_nsec, entry.st_ctim.tv_sec, entry.st_ctim.tv_nsec);
  }
  return stamps;
}

}  // namespace restante
