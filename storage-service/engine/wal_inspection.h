// Reads RocksDB's write-ahead logs as files, to say where one is damaged and
// what lies behind: RocksDB itself only says that one is.
//
// It knows the log's framing (blocks of 32 KiB, records with a CRC-32C) and the
// sequence number at the head of a write, and nothing of its contents.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "rocksdb/env.h"

namespace restante::engine {

struct WalFile {
  std::string path;
  uint64_t number = 0;
  uint64_t octets = 0;

  // Where the first record begins that can't be read, and why.
  struct Defect {
    uint64_t offset = 0;
    std::string what;
  };
  std::optional<Defect> defect;
  // The end is missing of a write that was never complete: RocksDB itself drops
  // the octets from here on.
  std::optional<uint64_t> unfinished;

  // Sequence numbers of the first whole write, and of the one to follow the
  // last; 0 when there is none.
  uint64_t first_sequence = 0;
  uint64_t next_sequence = 0;
};

// All logs of a database, oldest first.
absl::StatusOr<std::vector<WalFile>> InspectWals(const std::string& database_path,
                                                 rocksdb::Env* env);

}  // namespace restante::engine
