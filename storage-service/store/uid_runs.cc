#include "storage-service/store/uid_runs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace restante::store {

std::vector<UidRange> RunsOf(const std::vector<uint32_t>& uids) {
  std::vector<UidRange> runs;
  for (const uint32_t uid : uids) {
    if (!runs.empty() && runs.back().last + 1 == uid) {
      runs.back().last = uid;
    } else {
      runs.push_back({uid, uid});
    }
  }
  return runs;
}

std::vector<UidRange> Ordered(std::vector<UidRange> runs) {
  std::erase_if(runs, [](const UidRange& run) { return run.last < run.first; });
  std::sort(runs.begin(), runs.end(),
            [](const UidRange& a, const UidRange& b) { return a.first < b.first; });
  std::vector<UidRange> ordered;
  for (const UidRange& run : runs) {
    if (!ordered.empty() && run.first <= uint64_t{ordered.back().last} + 1) {
      ordered.back().last = std::max(ordered.back().last, run.last);
    } else {
      ordered.push_back(run);
    }
  }
  return ordered;
}

absl::Status CheckUids(const std::vector<UidRange>& runs) {
  constexpr size_t kMostRuns = 10'000;
  if (runs.empty() || runs.size() > kMostRuns) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     absl::StrCat("uids: there are ", runs.size(), " ranges; 1 to ", kMostRuns,
                                  " are taken"));
  }
  for (const UidRange& run : runs) {
    if (run.first == 0 || run.last < run.first) {
      return MakeError(
          v1::ERROR_REASON_INVALID_REQUEST,
          absl::StrCat("uids: ", run.first, ":", run.last, " is no range of UIDs"));
    }
  }
  return absl::OkStatus();
}

std::vector<UidRange> Clipped(std::vector<UidRange> runs, uint32_t first_uid,
                              uint32_t end_uid) {
  std::vector<UidRange> ordered = Ordered(std::move(runs));
  std::erase_if(ordered, [&](const UidRange& run) {
    return run.last < first_uid || run.first >= end_uid;
  });
  for (UidRange& run : ordered) {
    run.first = std::max(run.first, first_uid);
    run.last = std::min(run.last, end_uid - 1);
  }
  return ordered;
}

bool Contains(const std::vector<UidRange>& runs, uint32_t uid) {
  const auto run = std::lower_bound(
      runs.begin(), runs.end(), uid,
      [](const UidRange& candidate, uint32_t wanted) { return candidate.last < wanted; });
  return run != runs.end() && run->first <= uid;
}

std::vector<UidRange> Without(const std::vector<UidRange>& runs,
                              const std::vector<UidRange>& without) {
  std::vector<UidRange> left;
  auto hole = without.begin();
  for (const UidRange& run : runs) {
    uint64_t first = run.first;
    while (hole != without.end() && hole->last < first) ++hole;
    for (auto next = hole; next != without.end() && next->first <= run.last; ++next) {
      if (next->first > first) left.push_back({static_cast<uint32_t>(first), next->first - 1});
      first = std::max(first, uint64_t{next->last} + 1);
    }
    if (first <= run.last) left.push_back({static_cast<uint32_t>(first), run.last});
  }
  return left;
}

}  // namespace restante::store
