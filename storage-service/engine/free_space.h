// Whether the file system has room for more mail. Below a reserve it hasn't: what is
// left is for deletions, for the store's own records, and for RocksDB, which needs room
// to give room back.
//
// A thread of its own asks the file system, so that nobody waits for it; what is written
// in between is counted. Once there was no room, there is some again when a quarter
// more than the reserve is free.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "rocksdb/env.h"

namespace restante::engine {

class FreeSpace {
 public:
  // Asks for the first time before it returns. Of the reserve, no more than a tenth of
  // the file system is kept; 0: none. `env` outlives this.
  FreeSpace(rocksdb::Env* env, std::string path, uint64_t reserve_octets,
            absl::Duration interval);
  ~FreeSpace();
  FreeSpace(const FreeSpace&) = delete;
  FreeSpace& operator=(const FreeSpace&) = delete;

  // OK; or STORE_FULL. Costs nothing.
  absl::Status Check() const;

  // So many octets of mail are about to be written.
  void Spend(size_t octets) ABSL_LOCKS_EXCLUDED(mutex_);

  std::map<std::string, double> Stats() const;

 private:
  void Run();
  void Look();

  rocksdb::Env* const env_;
  const std::string path_;
  const absl::Duration interval_;
  int64_t reserve_ = 0;

  std::atomic<bool> full_{false};
  std::atomic<int64_t> free_{INT64_MAX};  // by the last answer, less what was spent since

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool look_now_ ABSL_GUARDED_BY(mutex_) = false;

  // The thread's own.
  bool told_full_ = false;
  bool told_failure_ = false;
  std::thread thread_;
};

}  // namespace restante::engine
