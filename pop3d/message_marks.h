// Messages of a session that are marked, to be deleted or as retrieved, as runs of
// message numbers: a client that takes its maildrop in order costs one run, however
// large it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"

namespace restante::pop3 {

// first <= last, both within.
struct UidRun {
  uint32_t first = 0;
  uint32_t last = 0;
};

class MessageMarks {
 public:
  // The most runs kept, about 2 MiB.
  static constexpr size_t kMaxRuns = 100'000;

  bool Contains(uint32_t number) const;

  // Marks a message, which isn't marked yet. False if that would need too many runs.
  bool Add(uint32_t number, uint32_t uid, uint64_t octets);
  void Clear();

  bool empty() const { return runs_.empty(); }
  uint64_t count() const { return count_; }
  uint64_t octets() const { return octets_; }

  // The UIDs of what is marked, ascending. A run may span UIDs that aren't in the
  // session's list.
  std::vector<UidRun> UidRuns() const;
  size_t run_count() const { return runs_.size(); }

 private:
  struct Run {
    uint32_t last;
    UidRun uids;
  };
  // By the first number of each run. Runs don't touch.
  absl::btree_map<uint32_t, Run> runs_;
  uint64_t count_ = 0;
  uint64_t octets_ = 0;
};

}  // namespace restante::pop3
