#include "pop3d/message_marks.h"

#include <algorithm>

namespace restante::pop3 {
namespace {

constexpr uint32_t kBitsOfWord = 64;

}  // namespace

MessageMarks::Runs::const_iterator MessageMarks::Find(uint32_t number) const {
  return std::partition_point(runs_.begin(), runs_.end(),
                              [number](const Stored& run) { return run.last < number; });
}

bool MessageMarks::Bit(uint32_t number) const {
  const size_t word = number / kBitsOfWord;
  return word < bits_.size() && (bits_[word] >> (number % kBitsOfWord) & 1) != 0;
}

bool MessageMarks::Contains(uint32_t number) const {
  if (!bits_.empty()) return Bit(number);
  const auto run = Find(number);
  return run != runs_.end() && run->first <= number;
}

bool MessageMarks::Add(uint32_t number, uint32_t uid, uint64_t octets) {
  if (bits_.empty() && !AddToRuns(number, uid)) {
    if (messages_ > kMaxDenseMessages) return false;
    BecomeDense();
  }
  if (!bits_.empty()) AddToBits(number);
  ++count_;
  octets_ += octets;
  return true;
}

bool MessageMarks::AddToRuns(uint32_t number, uint32_t uid) {
  const auto after = runs_.begin() + (Find(number) - runs_.cbegin());
  const auto before = after == runs_.begin() ? runs_.end() : after - 1;
  const bool joins_after = after != runs_.end() && after->first == number + 1;
  const bool joins_before = before != runs_.end() && before->last + 1 == number;
  if (joins_before) {
    before->last = joins_after ? after->last : number;
    before->uids.last = joins_after ? after->uids.last : uid;
    if (joins_after) runs_.erase(after);
  } else if (joins_after) {
    after->first = number;
    after->uids.first = uid;
  } else {
    if (runs_.size() >= kMaxRuns) return false;
    runs_.insert(after, Stored{number, number, {uid, uid}});
  }
  run_count_ = runs_.size();
  return true;
}

void MessageMarks::BecomeDense() {
  bits_.resize(messages_ / kBitsOfWord + 1);
  for (const Stored& run : runs_) {
    for (uint32_t number = run.first; number <= run.last; ++number) {
      bits_[number / kBitsOfWord] |= uint64_t{1} << (number % kBitsOfWord);
    }
  }
  Runs().swap(runs_);
}

void MessageMarks::AddToBits(uint32_t number) {
  bits_[number / kBitsOfWord] |= uint64_t{1} << (number % kBitsOfWord);
  const size_t neighbours = size_t{Bit(number - 1)} + size_t{Bit(number + 1)};
  run_count_ = run_count_ + 1 - neighbours;
}

void MessageMarks::Clear() {
  Runs().swap(runs_);
  std::vector<uint64_t>().swap(bits_);
  run_count_ = 0;
  count_ = 0;
  octets_ = 0;
}

std::optional<MessageMarks::Run> MessageMarks::RunFrom(uint32_t number) const {
  if (bits_.empty()) {
    const auto run = Find(number);
    if (run == runs_.end()) return std::nullopt;
    return Run{run->first, run->last, run->uids};
  }
  while (number <= messages_ && !Bit(number)) {
    // Words without a mark are passed over whole.
    const bool none = bits_[number / kBitsOfWord] == 0;
    number = none ? (number / kBitsOfWord + 1) * kBitsOfWord : number + 1;
  }
  if (number > messages_) return std::nullopt;
  Run run{number, number, std::nullopt};
  while (run.first > 1 && Bit(run.first - 1)) --run.first;
  while (Bit(run.last + 1)) ++run.last;
  return run;
}

size_t MessageMarks::OctetsOfMemory() const {
  return sizeof(*this) + runs_.capacity() * sizeof(Stored) +
         bits_.capacity() * sizeof(uint64_t);
}

}  // namespace restante::pop3
