// What was learnt of addresses, for a short time and in bounded memory; what was not asked
// for the longest goes first. Knows no I/O and no clock: the caller says what time it is.
//
// Whether there is room is remembered for sizes: what fits says that less fits, and what
// doesn't that more doesn't.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace restante::postfix {

// Where an address leads.
struct Recipient {
  // A message for it would find somebody.
  bool exists = false;
  // The alias that led there; empty: none.
  std::string alias;
  std::vector<std::string> accounts;
};

class RecipientCache {
 public:
  using Clock = std::chrono::steady_clock;

  struct Settings {
    // Of all entries together, some overhead included.
    size_t octets = 0;
    Clock::duration lifetime{};
    Clock::duration missing_lifetime{};
    Clock::duration room_lifetime{};
  };

  enum class Room { kUnknown, kFits, kFull };
  struct Known {
    std::shared_ptr<const Recipient> recipient;
    Room room = Room::kUnknown;
  };

  explicit RecipientCache(const Settings& settings) : settings_(settings) {}

  // `octets`: of a message that is to fit.
  std::optional<Known> Find(std::string_view address, uint64_t octets, Clock::time_point now);

  // `fits` is about a message of `octets`, and means nothing if nobody is there.
  void Put(std::string_view address, std::shared_ptr<const Recipient> recipient,
           uint64_t octets, bool fits, Clock::time_point now);

  // What the storage service's watch names (v1::WatchRecipientsResponse): an account's own
  // entry stays unless it is among these addresses, all else goes. In normal form.
  void Forget(const std::vector<std::string>& addresses);
  void ForgetEverything();

  size_t octets() const { return octets_; }

 private:
  struct Entry {
    std::string address;
    std::shared_ptr<const Recipient> recipient;
    size_t cost = 0;
    Clock::time_point until;
    // The largest message that is known to fit, and the smallest that isn't.
    std::optional<uint64_t> fits;
    std::optional<uint64_t> full;
    Clock::time_point room_until;
  };
  using Entries = std::list<Entry>;

  void Erase(Entries::iterator entry);

  const Settings settings_;
  size_t octets_ = 0;
  // Those asked for last come first.
  Entries entries_;
  absl::flat_hash_map<std::string, Entries::iterator> by_address_;
};

}  // namespace restante::postfix
