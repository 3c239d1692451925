// Messages of a session that are marked, to be deleted or as retrieved, by their
// numbers. A client that takes its maildrop in order costs one run of numbers, however
// large it is; one that picks messages costs a run for each, up to kMaxRuns, and then a
// bit for each message of the maildrop, where that isn't more: so any set of messages
// can be marked in a maildrop of up to kMaxDenseMessages, and kMaxRuns separate runs in
// a larger one. At most 8 KiB in either form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace restante::pop3 {

// first <= last, both within.
struct UidRun {
  uint32_t first = 0;
  uint32_t last = 0;
};

class MessageMarks {
 public:
  static constexpr size_t kMaxRuns = 512;
  static constexpr uint32_t kMaxDenseMessages = 64 * 1024;

  // A run of numbers that are marked. The UIDs of both ends are known as long as there
  // are at most kMaxRuns; a run may span UIDs that aren't in the session's list.
  struct Run {
    uint32_t first = 0;
    uint32_t last = 0;
    std::optional<UidRun> uids;
  };

  // `messages`: how many the maildrop has. Without, there are only runs.
  explicit MessageMarks(uint32_t messages = UINT32_MAX) : messages_(messages) {}

  bool Contains(uint32_t number) const;

  // Marks a message, which isn't marked yet. False if that would take too much memory.
  bool Add(uint32_t number, uint32_t uid, uint64_t octets);
  void Clear();

  bool empty() const { return count_ == 0; }
  uint64_t count() const { return count_; }
  uint64_t octets() const { return octets_; }

  // The first run that ends at `number` or behind it.
  std::optional<Run> RunFrom(uint32_t number) const;
  size_t run_count() const { return run_count_; }

  size_t OctetsOfMemory() const;

 private:
  struct Stored {
    uint32_t first;
    uint32_t last;
    UidRun uids;
  };
  using Runs = std::vector<Stored>;
  // The first run that ends at `number` or behind it.
  Runs::const_iterator Find(uint32_t number) const;
  bool AddToRuns(uint32_t number, uint32_t uid);
  void AddToBits(uint32_t number);
  void BecomeDense();
  bool Bit(uint32_t number) const;

  const uint32_t messages_;
  // Ascending. Runs don't touch.
  Runs runs_;
  // Instead of them, bit n for message n; empty at first.
  std::vector<uint64_t> bits_;
  size_t run_count_ = 0;
  uint64_t count_ = 0;
  uint64_t octets_ = 0;
};

}  // namespace restante::pop3
