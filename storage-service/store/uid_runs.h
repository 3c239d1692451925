// UIDs as ascending runs.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "storage-service/store/types.h"

namespace restante::store {

// Of ascending UIDs.
std::vector<UidRange> RunsOf(const std::vector<uint32_t>& uids);

// Runs in any order, overlapping or not: ascending, none touching the next. Those
// whose last UID is below their first are left out.
std::vector<UidRange> Ordered(std::vector<UidRange> runs);

// Runs as a caller names them, in any order. INVALID_REQUEST: none, more than 10,000, a
// UID 0, or one whose last UID is below its first.
absl::Status CheckUids(const std::vector<UidRange>& runs);

// Ordered, without what isn't within [first_uid, end_uid).
std::vector<UidRange> Clipped(std::vector<UidRange> runs, uint32_t first_uid, uint32_t end_uid);

// Of ordered runs.
bool Contains(const std::vector<UidRange>& runs, uint32_t uid);

// What is in `runs` and not in `without`; both ordered.
std::vector<UidRange> Without(const std::vector<UidRange>& runs,
                              const std::vector<UidRange>& without);

}  // namespace restante::store
