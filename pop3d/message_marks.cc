#include "pop3d/message_marks.h"

#include <iterator>

namespace restante::pop3 {

bool MessageMarks::Contains(uint32_t number) const {
  auto after = runs_.upper_bound(number);
  if (after == runs_.begin()) return false;
  return std::prev(after)->second.last >= number;
}

bool MessageMarks::Add(uint32_t number, uint32_t uid, uint64_t octets) {
  const auto after = runs_.upper_bound(number);
  const bool joins_after = after != runs_.end() && after->first == number + 1;
  const auto before = after == runs_.begin() ? runs_.end() : std::prev(after);
  const bool joins_before = before != runs_.end() && before->second.last + 1 == number;
  if (joins_before) {
    before->second.last = joins_after ? after->second.last : number;
    before->second.uids.last = joins_after ? after->second.uids.last : uid;
    if (joins_after) runs_.erase(after);
  } else if (joins_after) {
    const Run run{after->second.last, {uid, after->second.uids.last}};
    runs_.erase(after);
    runs_.emplace(number, run);
  } else {
    if (runs_.size() >= kMaxRuns) return false;
    runs_.emplace(number, Run{number, {uid, uid}});
  }
  ++count_;
  octets_ += octets;
  return true;
}

void MessageMarks::Clear() {
  runs_.clear();
  count_ = 0;
  octets_ = 0;
}

std::vector<UidRun> MessageMarks::UidRuns() const {
  std::vector<UidRun> uids;
  uids.reserve(runs_.size());
  for (const auto& [first, run] : runs_) uids.push_back(run.uids);
  return uids;
}

}  // namespace restante::pop3
