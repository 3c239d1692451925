// What a store goes through before the power fails: every sort of change, one after the
// other, and what the mailboxes hold after each. Knows no engine and no crash.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage-service/store/store.h"

namespace restante::store {

class ScenarioClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixMicros(now_us_); }
  void Advance(absl::Duration by) { now_us_ += absl::ToInt64Microseconds(by); }

 private:
  std::atomic<int64_t> now_us_{1'700'000'000'000'000};
};

// By "account/mailbox", then by UID: a message's octets, flags, and whether POP3 has it
// hidden, in words that can be compared. A mailbox that there isn't has no entry.
using Contents = std::map<std::string, std::map<uint32_t, std::string>>;

// Reads everything. DATA_LOSS and others: something can't be read.
absl::StatusOr<Contents> ReadContents(Store& store);

struct Step {
  std::string name;
  // OK: it is done, durably.
  std::function<absl::Status(Store&)> run;
};

// The steps, in their order. Their UIDs and octets are the same each time.
std::vector<Step> Scenario(ScenarioClock* clock);

// A message for `recipient`; its UID.
absl::StatusOr<uint32_t> DeliverOne(Store& store, const std::string& recipient,
                                    const std::string& message);

}  // namespace restante::store
