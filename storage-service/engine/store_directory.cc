#include "storage-service/engine/store_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "storage-service/engine/rocks_status.h"

namespace restante::engine {
namespace {

constexpr absl::string_view kFormatName = "restante-store ";

absl::Status SystemError(absl::string_view what, int error) {
  return MakeError(v1::ERROR_REASON_STORE_FAILURE,
                   absl::StrCat(what, ": ", std::strerror(error)));
}

// flock, not fcntl: it also keeps out a second opening by this very process.
absl::StatusOr<int> Lock(const std::string& store, const std::string& file) {
  const int lock = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return SystemError(absl::StrCat("cannot open ", file), errno);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    char buffer[32] = {};
    const ssize_t length = pread(lock, buffer, sizeof(buffer) - 1, 0);
    close(lock);
    if (error != EWOULDBLOCK) return SystemError(absl::StrCat("cannot lock ", file), error);
    int pid = 0;
    std::string who = "another process";
    if (length > 0 && absl::SimpleAtoi(absl::string_view(buffer, length), &pid)) {
      who = pid == getpid() ? "this process already" : absl::StrCat(who, " (pid ", pid, ")");
    }
    return absl::FailedPreconditionError(
        absl::StrCat("the store in ", store, " is in use by ", who));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(lock, 0) != 0 ||
      pwrite(lock, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const int error = errno;
    close(lock);
    return SystemError(absl::StrCat("cannot write ", file), error);
  }
  return lock;
}

bool HoldsData(const std::string& name) {
  return absl::EndsWith(name, ".sst") || absl::EndsWith(name, ".blob") ||
         absl::EndsWith(name, ".log");
}

}  // namespace

absl::StatusOr<StoreDirectory> StoreDirectory::Open(const std::string& path, rocksdb::Env* env,
                                                    IfMissing if_missing) {
  std::error_code error;
  if (if_missing == IfMissing::kFail && !std::filesystem::exists(path + "/FORMAT", error)) {
    return absl::NotFoundError(absl::StrCat("there is no store in ", path));
  }
  std::filesystem::create_directories(path, error);
  if (error) return SystemError(absl::StrCat("cannot create ", path), error.value());
  // A directory of something else stays as it is, without a LOCK of ours.
  StoreDirectory unlocked(path, -1);
  if (absl::Status status = unlocked.Check(env, if_missing); !status.ok()) return status;

  absl::StatusOr<int> lock = Lock(path, path + "/LOCK");
  if (!lock.ok()) return lock.status();
  StoreDirectory directory(path, *lock);
  if (absl::Status status = directory.Check(env, if_missing); !status.ok()) return status;
  if (absl::Status status = WriteFormat(path, env); !status.ok()) return status;
  return directory;
}

StoreDirectory::StoreDirectory(StoreDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, -1)),
      has_database_(other.has_database_) {}

StoreDirectory::~StoreDirectory() {
  if (lock_ >= 0) close(lock_);
}

absl::Status StoreDirectory::Check(rocksdb::Env* env, IfMissing if_missing) {
  const std::string file = path_ + "/FORMAT";
  if (!env->FileExists(file).ok()) {
    if (if_missing == IfMissing::kFail) {
      return absl::NotFoundError(absl::StrCat("there is no store in ", path_));
    }
    std::vector<std::string> names;
    if (rocksdb::Status status = env->GetChildren(path_, &names); !status.ok()) {
      return FromRocks(status, absl::StrCat("cannot list ", path_));
    }
    for (const std::string& name : names) {
      if (name == "." || name == ".." || name == "lost+found" || name == "LOCK" ||
          name == "FORMAT.new") {
        continue;
      }
      return absl::FailedPreconditionError(absl::StrCat(
          path_, " is no store and not empty: it has ", name, "; name an empty directory"));
    }
    return absl::OkStatus();
  }
  std::string text;
  if (rocksdb::Status status = rocksdb::ReadFileToString(env, file, &text); !status.ok()) {
    return FromRocks(status, absl::StrCat("cannot read ", file));
  }
  absl::string_view version = absl::StripAsciiWhitespace(text);
  if (!absl::ConsumePrefix(&version, kFormatName)) {
    return absl::FailedPreconditionError(
        absl::StrCat(file, " doesn't say that this is a store of Restante's"));
  }
  if (version != absl::StrCat(kFormatVersion)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store in ", path_, " has format version ", version,
                     "; this program supports version ", kFormatVersion));
  }
  has_database_ = env->FileExists(database_path() + "/CURRENT").ok();
  if (has_database_) return absl::OkStatus();
  std::vector<std::string> names;
  env->GetChildren(database_path(), &names).PermitUncheckedError();
  for (const std::string& name : names) {
    if (!HoldsData(name)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "the store in ", path_, " is damaged: db/CURRENT is missing, db/", name, " is there"));
  }
  return absl::OkStatus();
}

std::string StoreDirectory::FormatLine() { return absl::StrCat(kFormatName, kFormatVersion); }

absl::Status StoreDirectory::WriteFormat(const std::string& path, rocksdb::Env* env) {
  const std::string file = path + "/FORMAT";
  if (env->FileExists(file).ok()) return absl::OkStatus();
  const std::string text = FormatLine() + "\n";
  rocksdb::Status status =
      rocksdb::WriteStringToFile(env, text, file + ".new", /*should_sync=*/true);
  if (status.ok()) status = env->RenameFile(file + ".new", file);
  std::unique_ptr<rocksdb::Directory> directory;
  if (status.ok()) status = env->NewDirectory(path, &directory);
  if (status.ok()) status = directory->Fsync();
  return FromRocks(status, absl::StrCat("cannot write ", file));
}

}  // namespace restante::engine
