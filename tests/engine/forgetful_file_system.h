// A file system that loses at a crash what a real one may lose: data that was not
// synced, files whose directory was not, renames likewise. For durability tests.
//
// Everything is written through to the real file system at once, without waiting
// for its disk; what counts as synced is kept here. Use:
//
//   fs->Freeze();         // the power fails: no write succeeds from now on
//   engine.reset();       // whatever it does, it can't write any more
//   fs->LoseUnsynced(n);  // what the disk has when the machine starts again
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/file_system.h"

namespace restante::engine {

class ForgetfulFileSystem : public rocksdb::FileSystemWrapper {
 public:
  ForgetfulFileSystem() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "ForgetfulFileSystem"; }

  void Freeze();
  // Of what was not synced at the end of each file, up to `torn_octets` survive
  // all the same: a write that was cut off. Writes succeed again.
  void LoseUnsynced(uint64_t torn_octets);

  rocksdb::IOStatus NewWritableFile(const std::string& name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name,
                                       const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;

 private:
  class File;
  class Directory;
  struct State {
    uint64_t written = 0;
    uint64_t synced = 0;
  };
  struct Rename {
    std::string from;
    std::string to;
    std::optional<std::string> replaced;  // what `to` held before
  };

  rocksdb::IOStatus Alive() const ABSL_LOCKS_EXCLUDED(mutex_);
  rocksdb::IOStatus Appended(const std::string& name, uint64_t octets);
  rocksdb::IOStatus Truncated(const std::string& name, uint64_t octets);
  rocksdb::IOStatus Synced(const std::string& name);
  rocksdb::IOStatus DirectorySynced(const std::string& name);

  mutable absl::Mutex mutex_;
  bool frozen_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, State> files_ ABSL_GUARDED_BY(mutex_);
  // What a directory's next sync makes durable, in order.
  std::vector<std::string> new_files_ ABSL_GUARDED_BY(mutex_);
  std::vector<Rename> renames_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::engine
