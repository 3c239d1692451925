// Limits that a server has counted, as tests wait for them: a client may see the end of
// its connection a moment before the server has counted why.
#pragma once

#include "absl/time/clock.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {

// False after 20 s.
inline bool AwaitHits(const Server& server, TestClock& clock, Limit limit, uint64_t hits) {
  const absl::Time patience = absl::Now() + absl::Seconds(20);
  while (server.limit_counters().value(limit) != hits) {
    if (absl::Now() > patience) return false;
    clock.AwaitLooks();
  }
  return true;
}

}  // namespace restante::pop3
