#include "tests/engine/forgetful_file_system.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <system_error>
#include <utility>

namespace restante::engine {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::string ParentOf(const std::string& name) {
  return std::filesystem::path(name).parent_path().string();
}

std::string ReadWhole(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

IOStatus PowerFailed() { return IOStatus::IOError("the power failed"); }

// What a disk writes at once.
constexpr uint64_t kPage = 4096;

// Zeros in place of some of the file's pages behind `synced`.
void LosePages(const std::string& name, uint64_t synced, uint64_t written,
               std::mt19937_64& random) {
  std::fstream file(name, std::ios::binary | std::ios::in | std::ios::out);
  for (uint64_t begin = synced; begin < written;) {
    const uint64_t end = std::min(written, (begin / kPage + 1) * kPage);
    if (random() % 2 == 0) {
      const std::string zeros(end - begin, '\0');
      file.seekp(static_cast<std::streamoff>(begin));
      file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
    }
    begin = end;
  }
}

}  // namespace

class ForgetfulFileSystem::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(ForgetfulFileSystem& owner, std::string name,
       std::unique_ptr<rocksdb::FSWritableFile> file)
      : rocksdb::FSWritableFileOwnerWrapper(std::move(file)),
        owner_(owner),
        name_(std::move(name)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* context) override {
    const Fate fate = owner_.Next();
    if (fate == Fate::kDoesNot) return PowerFailed();
    const IOStatus status = FSWritableFileOwnerWrapper::Append(data, options, context);
    if (!status.ok()) return status;
    owner_.Appended(name_, data.size());
    return fate == Fate::kIsCutOff ? PowerFailed() : IOStatus::OK();
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* context) override {
    if (owner_.Next() != Fate::kHappens) return PowerFailed();
    const IOStatus status = FSWritableFileOwnerWrapper::Truncate(size, options, context);
    if (status.ok()) owner_.Truncated(name_, size);
    return status;
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return owner_.Synced(name_); }
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return owner_.Synced(name_); }
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return owner_.Next() == Fate::kHappens ? IOStatus::OK() : PowerFailed();
  }

 private:
  ForgetfulFileSystem& owner_;
  const std::string name_;
};

class ForgetfulFileSystem::Directory : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(ForgetfulFileSystem& owner, std::string name,
            std::unique_ptr<rocksdb::FSDirectory>&& directory)
      : rocksdb::FSDirectoryWrapper(std::move(directory)),
        owner_(owner),
        name_(std::move(name)) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return owner_.DirectorySynced(name_);
  }
  IOStatus FsyncWithDirOptions(const IOOptions&, IODebugContext*,
                               const rocksdb::DirFsyncOptions&) override {
    return owner_.DirectorySynced(name_);
  }

 private:
  ForgetfulFileSystem& owner_;
  const std::string name_;
};

ForgetfulFileSystem::Fate ForgetfulFileSystem::NextLocked() {
  if (frozen_) return Fate::kDoesNot;
  frozen_ = ++operations_ == freeze_at_;
  return frozen_ ? Fate::kIsCutOff : Fate::kHappens;
}

ForgetfulFileSystem::Fate ForgetfulFileSystem::Next() {
  absl::MutexLock lock(&mutex_);
  return NextLocked();
}

void ForgetfulFileSystem::Appended(const std::string& name, uint64_t octets) {
  absl::MutexLock lock(&mutex_);
  files_[name].written += octets;
}

void ForgetfulFileSystem::Truncated(const std::string& name, uint64_t octets) {
  absl::MutexLock lock(&mutex_);
  State& state = files_[name];
  state.written = octets;
  state.synced = std::min(state.synced, octets);
}

IOStatus ForgetfulFileSystem::Synced(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  if (NextLocked() != Fate::kHappens) return PowerFailed();
  State& state = files_[name];
  state.synced = state.written;
  return IOStatus::OK();
}

IOStatus ForgetfulFileSystem::DirectorySynced(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  if (NextLocked() != Fate::kHappens) return PowerFailed();
  std::erase_if(new_files_, [&](const std::string& file) { return ParentOf(file) == name; });
  std::erase_if(renames_, [&](const Rename& rename) { return ParentOf(rename.to) == name; });
  return IOStatus::OK();
}

IOStatus ForgetfulFileSystem::NewWritableFile(const std::string& name,
                                              const rocksdb::FileOptions& options,
                                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                                              IODebugContext* context) {
  if (Next() != Fate::kHappens) return PowerFailed();
  std::unique_ptr<rocksdb::FSWritableFile> file;
  const IOStatus status = FileSystemWrapper::NewWritableFile(name, options, &file, context);
  if (!status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  files_[name] = State{};
  new_files_.push_back(name);
  *result = std::make_unique<File>(*this, name, std::move(file));
  return IOStatus::OK();
}

IOStatus ForgetfulFileSystem::ReopenWritableFile(
    const std::string& name, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* context) {
  if (Next() != Fate::kHappens) return PowerFailed();
  std::unique_ptr<rocksdb::FSWritableFile> file;
  const IOStatus status = FileSystemWrapper::ReopenWritableFile(name, options, &file, context);
  if (!status.ok()) return status;
  std::error_code absent;
  const uint64_t octets = std::filesystem::file_size(name, absent);
  absl::MutexLock lock(&mutex_);
  if (!files_.contains(name)) files_[name] = State{octets, octets};
  *result = std::make_unique<File>(*this, name, std::move(file));
  return IOStatus::OK();
}

IOStatus ForgetfulFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                           std::unique_ptr<rocksdb::FSDirectory>* result,
                                           IODebugContext* context) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  const IOStatus status = FileSystemWrapper::NewDirectory(name, options, &directory, context);
  if (!status.ok()) return status;
  *result = std::make_unique<Directory>(*this, name, std::move(directory));
  return IOStatus::OK();
}

IOStatus ForgetfulFileSystem::RenameFile(const std::string& from, const std::string& to,
                                         const IOOptions& options, IODebugContext* context) {
  if (Next() != Fate::kHappens) return PowerFailed();
  Rename rename{from, to, std::nullopt};
  if (std::filesystem::exists(to)) rename.replaced = ReadWhole(to);
  const IOStatus status = FileSystemWrapper::RenameFile(from, to, options, context);
  if (!status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  files_[to] = files_[from];
  files_.erase(from);
  std::erase(new_files_, from);
  renames_.push_back(std::move(rename));
  return IOStatus::OK();
}

IOStatus ForgetfulFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                         IODebugContext* context) {
  if (Next() != Fate::kHappens) return PowerFailed();
  const IOStatus status = FileSystemWrapper::DeleteFile(name, options, context);
  if (!status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  files_.erase(name);
  std::erase(new_files_, name);
  return IOStatus::OK();
}

void ForgetfulFileSystem::Freeze() {
  absl::MutexLock lock(&mutex_);
  frozen_ = true;
}

void ForgetfulFileSystem::FreezeAtOperation(uint64_t n) {
  absl::MutexLock lock(&mutex_);
  freeze_at_ = operations_ + n;
}

uint64_t ForgetfulFileSystem::operations() const {
  absl::MutexLock lock(&mutex_);
  return operations_;
}

void ForgetfulFileSystem::LoseUnsynced(uint64_t torn_octets) {
  absl::MutexLock lock(&mutex_);
  std::error_code ignored;
  for (const auto& [name, state] : files_) {
    std::filesystem::resize_file(
        name, state.synced + std::min(torn_octets, state.written - state.synced), ignored);
  }
  UndoRenames(0);
  for (const std::string& name : new_files_) std::filesystem::remove(name, ignored);
  StartAgain();
}

void ForgetfulFileSystem::LoseUnsyncedAtRandom(uint64_t seed) {
  absl::MutexLock lock(&mutex_);
  std::mt19937_64 random(seed);
  std::error_code ignored;
  for (const auto& [name, state] : files_) {
    if (state.written == state.synced) continue;
    const uint64_t unsynced = state.written - state.synced;
    const uint64_t fate = random() % 4;
    const uint64_t kept = fate == 0 ? 0 : fate == 1 ? unsynced : random() % (unsynced + 1);
    if (fate == 3) LosePages(name, state.synced, state.synced + kept, random);
    std::filesystem::resize_file(name, state.synced + kept, ignored);
  }
  UndoRenames(renames_.empty() ? 0 : random() % (renames_.size() + 1));
  for (const std::string& name : new_files_) {
    if (random() % 2 == 0) std::filesystem::remove(name, ignored);
  }
  StartAgain();
}

void ForgetfulFileSystem::UndoRenames(size_t first) {
  std::error_code ignored;
  while (renames_.size() > first) {
    const Rename& rename = renames_.back();
    std::filesystem::remove(rename.to, ignored);
    if (rename.replaced.has_value()) {
      std::ofstream(rename.to, std::ios::binary) << *rename.replaced;
    }
    renames_.pop_back();
  }
}

void ForgetfulFileSystem::StartAgain() {
  files_.clear();
  renames_.clear();
  new_files_.clear();
  frozen_ = false;
  freeze_at_ = 0;
}

}  // namespace restante::engine
