#include "storage-service/engine/wal_inspection.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "storage-service/engine/rocks_status.h"

namespace restante::engine {
namespace {

// RocksDB's "Write Ahead Log File Format", without recycled logs.
constexpr size_t kBlockOctets = 32 * 1024;
constexpr size_t kHeaderOctets = 7;
enum RecordType : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };
// A write begins with its sequence number and how many numbers it uses.
constexpr size_t kWriteHeadOctets = 12;

constexpr std::array<uint32_t, 256> MakeCrc32cTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0);
    table[i] = crc;
  }
  return table;
}

// Castagnoli's polynomial, which zlib doesn't have.
uint32_t Crc32c(absl::string_view octets) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrc32cTable();
  uint32_t crc = ~uint32_t{0};
  for (const char octet : octets) {
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<uint8_t>(octet)) & 0xFF];
  }
  return ~crc;
}

uint64_t LittleEndian(absl::string_view octets) {
  uint64_t number = 0;
  for (size_t i = octets.size(); i > 0; --i) {
    number = (number << 8) | static_cast<uint8_t>(octets[i - 1]);
  }
  return number;
}

bool ChecksumHolds(absl::string_view stored, absl::string_view covered) {
  const uint32_t crc = Crc32c(covered);
  const uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  return LittleEndian(stored) == masked;
}

// Follows the records of one log, block by block.
class Walk {
 public:
  explicit Walk(WalFile& log) : log_(log) {}

  // False once there is nothing more to learn. `block` is shorter than a block
  // only at the end of the file.
  bool Block(absl::string_view block) {
    size_t at = 0;
    while (block.size() - at >= kHeaderOctets) {
      const absl::string_view header = block.substr(at, kHeaderOctets);
      const size_t length = LittleEndian(header.substr(4, 2));
      const auto type = static_cast<uint8_t>(header[6]);
      if (type == kZero && length == 0) break;  // nothing was written to the rest
      if (length > block.size() - at - kHeaderOctets) {
        if (block.size() == kBlockOctets)
          return Defective(at, "a record longer than its block");
        return Unfinished(at);
      }
      const absl::string_view covered = block.substr(at + 6, 1 + length);
      if (!ChecksumHolds(header.substr(0, 4), covered)) {
        return Defective(at, "a record's checksum is wrong");
      }
      if (!Record(type, covered.substr(1), at)) return false;
      at += kHeaderOctets + length;
    }
    if (block.size() < kBlockOctets && at < block.size() && block.size() - at < kHeaderOctets) {
      return Unfinished(at);
    }
    position_ += block.size();
    return true;
  }

  void End() {
    if (in_write_) log_.unfinished = write_begin_;
  }

 private:
  bool Record(uint8_t type, absl::string_view data, size_t at) {
    const bool begins = type == kFull || type == kFirst;
    if (type > kLast) return Defective(at, absl::StrCat("an unknown record type ", type));
    if (begins == in_write_) return Defective(at, "records out of order");
    if (begins) {
      write_begin_ = position_ + at;
      head_.clear();
    }
    in_write_ = type == kFirst || type == kMiddle;
    head_.append(data.data(), std::min(data.size(), kWriteHeadOctets - head_.size()));
    if (!in_write_ && head_.size() == kWriteHeadOctets) {
      const absl::string_view head = head_;
      const uint64_t sequence = LittleEndian(head.substr(0, 8));
      if (log_.first_sequence == 0) log_.first_sequence = sequence;
      log_.next_sequence = sequence + LittleEndian(head.substr(8));
    }
    return true;
  }

  bool Defective(size_t at, std::string what) {
    const uint64_t offset = in_write_ ? write_begin_ : position_ + at;
    log_.defect = WalFile::Defect{offset, std::move(what)};
    in_write_ = false;
    return false;
  }

  bool Unfinished(size_t at) {
    log_.unfinished = in_write_ ? write_begin_ : position_ + at;
    in_write_ = false;
    return false;
  }

  WalFile& log_;
  uint64_t position_ = 0;
  bool in_write_ = false;
  uint64_t write_begin_ = 0;
  std::string head_;
};

absl::Status Inspect(WalFile& log, rocksdb::Env* env) {
  std::unique_ptr<rocksdb::SequentialFile> file;
  rocksdb::Status status = env->GetFileSize(log.path, &log.octets);
  if (status.ok()) status = env->NewSequentialFile(log.path, &file, rocksdb::EnvOptions());
  if (!status.ok()) return FromRocks(status, absl::StrCat("cannot read ", log.path));
  Walk walk(log);
  std::string buffer(kBlockOctets, '\0');
  while (true) {
    rocksdb::Slice block;
    status = file->Read(kBlockOctets, &block, buffer.data());
    if (!status.ok()) return FromRocks(status, absl::StrCat("cannot read ", log.path));
    if (block.empty() || !walk.Block(AsView(block))) break;
    if (block.size() < kBlockOctets) break;
  }
  walk.End();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<WalFile>> InspectWals(const std::string& database_path,
                                                 rocksdb::Env* env) {
  std::vector<std::string> names;
  if (rocksdb::Status status = env->GetChildren(database_path, &names); !status.ok()) {
    return FromRocks(status, absl::StrCat("cannot list ", database_path));
  }
  std::vector<WalFile> logs;
  for (const std::string& name : names) {
    WalFile log{.path = absl::StrCat(database_path, "/", name)};
    absl::string_view number = name;
    if (!absl::ConsumeSuffix(&number, ".log") || !absl::SimpleAtoi(number, &log.number))
      continue;
    logs.push_back(std::move(log));
  }
  std::sort(logs.begin(), logs.end(),
            [](const WalFile& a, const WalFile& b) { return a.number < b.number; });
  for (WalFile& log : logs) {
    if (absl::Status status = Inspect(log, env); !status.ok()) return status;
  }
  return logs;
}

}  // namespace restante::engine
