// How much memory and how many threads an engine on RocksDB may use. The defaults
// suit a machine with two cores; docs/storage-format.md says why each is as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"

namespace rocksdb {
class FileSystem;
}

namespace restante::engine {

struct EngineOptions {
  // Memory: RocksDB's cache of blocks, indexes and filters; all its memtables
  // together; and commits that wait for the writer (further ones are OVERLOADED).
  // What a memtable holds above its share stalls the writer, never a caller.
  size_t block_cache_octets = size_t{64} << 20;
  size_t write_buffer_octets = size_t{64} << 20;
  size_t queue_octets = size_t{64} << 20;
  size_t queue_commits = 65'536;

  // The writer puts no more than this into one write, unless one call is larger.
  size_t batch_octets = size_t{16} << 20;

  // Shards whose version the writer remembers.
  size_t cached_versions = 65'536;

  // Threads that wait for the disk on behalf of reads, and reads that may wait
  // for a thread (further ones are OVERLOADED).
  int reader_threads = 2;
  size_t queued_reads = 65'536;

  // RocksDB's own threads for flushes and compactions, and the files it keeps
  // open at a time.
  int background_jobs = 2;
  int open_files = 512;

  uint64_t blob_file_octets = uint64_t{64} << 20;

  // What is live is moved together once more than this share of the store is garbage;
  // how often that is looked at; and how much is moved at a time, at least. Little
  // garbage costs much: at 12 % each octet that is returned takes 7 that are moved.
  double garbage_share = 0.12;
  absl::Duration compaction_interval = absl::Seconds(10);
  uint64_t compaction_step_octets = uint64_t{1} << 30;

  // After a failed write, how long until the store is asked whether it works
  // again; calls in between fail at once.
  absl::Duration resume_interval = absl::Seconds(1);

  // What is left free on the disk when bodies are refused (at most a tenth of the file
  // system; 0: none), and how often the file system is asked. It has to hold what
  // memtables hold, and what a compaction writes before it can delete.
  uint64_t reserve_octets = uint64_t{512} << 20;
  absl::Duration space_check_interval = absl::Seconds(1);

  // Where backups are kept, not in the store's directory; empty: nowhere.
  std::string backup_directory;

  // Null: the machine's. For tests.
  std::shared_ptr<rocksdb::FileSystem> file_system;

  // For tests only, which show what would be lost: commits are acknowledged
  // before they are durable.
  bool sync_commits = true;
};

}  // namespace restante::engine
