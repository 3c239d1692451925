// RocksDB's errors as engine.h names them.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "rocksdb/slice.h"
#include "rocksdb/status.h"

namespace restante::engine {

// CORRUPT, STORE_FULL or STORE_FAILURE; `what` was being done. OK stays OK.
absl::Status FromRocks(const rocksdb::Status& status, absl::string_view what);

inline rocksdb::Slice AsSlice(absl::string_view octets) {
  return {octets.data(), octets.size()};
}
inline absl::string_view AsView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

}  // namespace restante::engine
