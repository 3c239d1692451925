#include "storage-service/engine/free_space.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/log.h"

namespace restante::engine {
namespace {

// A chunk is written to the log, and again to its blob file before the log goes.
constexpr int64_t kTimesWritten = 2;

int64_t UsableReserve(const std::string& path, uint64_t reserve) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(path, error);
  const uint64_t most = error ? reserve : static_cast<uint64_t>(space.capacity) / 10;
  return static_cast<int64_t>(std::min(reserve, most));
}

}  // namespace

FreeSpace::FreeSpace(rocksdb::Env* env, std::string path, uint64_t reserve_octets,
                     absl::Duration interval)
    : env_(env), path_(std::move(path)), interval_(interval) {
  if (reserve_octets == 0) return;
  reserve_ = UsableReserve(path_, reserve_octets);
  Look();
  thread_ = std::thread([this] { Run(); });
}

FreeSpace::~FreeSpace() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status FreeSpace::Check() const {
  if (!full_.load(std::memory_order_relaxed)) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_STORE_FULL,
                   absl::StrCat("only the reserve of ", reserve_,
                                " octets is left on the disk; it isn't for mail"));
}

void FreeSpace::Spend(size_t octets) {
  if (reserve_ == 0) return;
  const int64_t cost = kTimesWritten * static_cast<int64_t>(octets);
  if (free_.fetch_sub(cost) - cost >= reserve_ || full_.exchange(true)) return;
  absl::MutexLock lock(&mutex_);
  look_now_ = true;
}

void FreeSpace::Run() {
  auto wanted = [this] {
    mutex_.AssertReaderHeld();
    return stopped_ || look_now_;
  };
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&wanted), interval_);
      if (stopped_) return;
      look_now_ = false;
    }
    Look();
  }
}

void FreeSpace::Look() {
  uint64_t octets = 0;
  const rocksdb::Status asked = env_->GetFreeSpace(path_, &octets);
  if (!asked.ok()) {
    if (!std::exchange(told_failure_, true)) {
      LogWarning("engine", "FreeSpaceUnknown", {{"path", path_}, {"error", asked.ToString()}});
    }
    return;
  }
  told_failure_ = false;
  const auto free = static_cast<int64_t>(std::min<uint64_t>(octets, INT64_MAX));
  free_ = free;
  const bool full = free < (told_full_ || full_ ? reserve_ + reserve_ / 4 : reserve_);
  full_ = full;
  if (std::exchange(told_full_, full) == full) return;
  if (full) {
    LogError("engine", "StoreFull", {{"free_octets", free}, {"reserve_octets", reserve_}});
  } else {
    LogInfo("engine", "RoomAgain", {{"free_octets", free}, {"reserve_octets", reserve_}});
  }
}

std::map<std::string, double> FreeSpace::Stats() const {
  if (reserve_ == 0) return {};
  return {{"disk_free_octets", static_cast<double>(free_.load())},
          {"disk_reserve_octets", static_cast<double>(reserve_)},
          {"store_full", full_.load() ? 1 : 0}};
}

}  // namespace restante::engine
