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
// An operation is whatever changes a file or a directory, or makes a change durable.
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
  // At the n-th operation from now on, which comes to nothing, or to a write that was
  // cut off.
  void FreezeAtOperation(uint64_t n);
  // How many there were.
  uint64_t operations() const;
  // Of what was not synced at the end of each file, up to `torn_octets` survive
  // all the same: a write that was cut off. Writes succeed again.
  void LoseUnsynced(uint64_t torn_octets);
  // What was not synced survives or not as it happens, each file for itself: nothing,
  // all, a write that was cut off, or pages of it out of their order, with zeros where
  // those between are missing. Likewise new files and renames. Writes succeed again.
  void LoseUnsyncedAtRandom(uint64_t seed);

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

  enum class Fate { kHappens, kIsCutOff, kDoesNot };
  // Of the operation that is begun now; counts it.
  Fate Next() ABSL_LOCKS_EXCLUDED(mutex_);
  Fate NextLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Appended(const std::string& name, uint64_t octets);
  void Truncated(const std::string& name, uint64_t octets);
  rocksdb::IOStatus Synced(const std::string& name);
  rocksdb::IOStatus DirectorySynced(const std::string& name);

  // Those from `first` on, the last one first.
  void UndoRenames(size_t first) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  bool frozen_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t freeze_at_ ABSL_GUARDED_BY(mutex_) = 0;  // the operation's number; 0: none
  std::map<std::string, State> files_ ABSL_GUARDED_BY(mutex_);
  // What a directory's next sync makes durable, in order.
  std::vector<std::string> new_files_ ABSL_GUARDED_BY(mutex_);
  std::vector<Rename> renames_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::engine
