// What a process grants to all its clients together, to those of one address and to
// those of one user, counted over all threads; and how often a limit was hit. It knows
// no session: who hits a limit is told so by the caller.
//
// Memory is bounded: a table holds no more than the connections that there are, and
// addresses seen in the last minute up to a number. Thread-safe; a lock is held for a
// few dozen instructions.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "asio/ip/address.hpp"
#include "common/network.h"
#include "pop3d/deadlines.h"
#include "pop3d/languages.h"

namespace restante::pop3 {

enum class Limit {
  kConnections,
  kConnectionsOfAddress,
  kNewConnectionsOfAddress,
  kSessionsOfUser,
  kFailedLogins,
  kBadCommands,
  kTimeBeforeLogin,
  kTimeInSession,
  kProxyHeader,
  kTlsHandshake,
  kLineLength,
};
inline constexpr size_t kLimitCount = static_cast<size_t>(Limit::kLineLength) + 1;

// What a client is told whose connection is refused for it.
Text RefusalOf(Limit limit);

// As log lines name it: "connections_of_address".
absl::string_view NameOf(Limit limit);

// How often each limit was hit since the process began.
class LimitCounters {
 public:
  // Counts a hit. Something if a line about it should be written: how many hits of this
  // kind there were since the last line. At most one a second of each kind.
  std::optional<uint64_t> Count(Limit limit, TimePoint now);

  uint64_t value(Limit limit) const { return At(limit).hits.load(); }
  // "connections=3 bad_commands=1": those that are not 0.
  std::string Summary() const;
  uint64_t total() const;

 private:
  struct Counter {
    std::atomic<uint64_t> hits{0};
    std::atomic<uint64_t> reported{0};
    std::atomic<int64_t> last_report{INT64_MIN};
  };
  const Counter& At(Limit limit) const { return counters_[static_cast<size_t>(limit)]; }
  std::array<Counter, kLimitCount> counters_;
};

struct AddressLimits {
  // 0: no limit, for both.
  uint32_t connections = 200;
  uint32_t new_connections_per_minute = 600;
  // What isn't limited.
  std::vector<Network> exempt;
};

// Connections by client address; IPv6 by its /64, which is what one client gets.
class AddressTable {
 public:
  using Key = std::array<uint8_t, 16>;

  // A connection that is counted until this goes.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)), key_(other.key_) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(table_, other.table_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Ticket() {
      if (table_ != nullptr) table_->Leave(key_);
    }

   private:
    friend class AddressTable;
    Ticket(AddressTable* table, const Key& key) : table_(table), key_(key) {}
    AddressTable* table_ = nullptr;
    Key key_{};
  };

  AddressTable(const AddressLimits& limits, size_t most_entries)
      : limits_(limits), most_entries_(most_entries) {}

  // Nothing and a ticket, or the limit that forbids the connection. What the ticket stood
  // for before leaves first.
  std::optional<Limit> Enter(const asio::ip::address& address, TimePoint now, Ticket* ticket)
      ABSL_LOCKS_EXCLUDED(mutex_);

  size_t entries() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    uint32_t connections = 0;
    // When the next connection would be due if they came evenly; it may come up to a
    // minute before that.
    TimePoint due;
  };

  static Key KeyOf(const asio::ip::address& address);
  void Leave(const Key& key) ABSL_LOCKS_EXCLUDED(mutex_);
  void MakeRoom(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const AddressLimits limits_;
  const size_t most_entries_;
  absl::Mutex mutex_;
  absl::flat_hash_map<Key, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  size_t make_room_at_ ABSL_GUARDED_BY(mutex_) = 1024;
};

// Sessions by the name of their user, in any case. Names are kept as hashes.
class UserTable {
 public:
  // A session that is counted until this goes, or is to stand for another.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)), hash_(other.hash_) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(table_, other.table_);
      std::swap(hash_, other.hash_);
      return *this;
    }
    ~Ticket() {
      if (table_ != nullptr) table_->Leave(hash_);
    }

   private:
    friend class UserTable;
    Ticket(UserTable* table, size_t hash) : table_(table), hash_(hash) {}
    UserTable* table_ = nullptr;
    size_t hash_ = 0;
  };

  // 0: no limit.
  explicit UserTable(uint32_t most) : most_(most) {}

  // False if the user has as many as there may be. A user without a name has none.
  bool HasRoom(absl::string_view user) ABSL_LOCKS_EXCLUDED(mutex_);
  // Counts one more, or returns false.
  bool Enter(absl::string_view user, Ticket* ticket) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static size_t KeyOf(absl::string_view user);
  void Leave(size_t hash) ABSL_LOCKS_EXCLUDED(mutex_);

  const uint32_t most_;
  absl::Mutex mutex_;
  absl::flat_hash_map<size_t, uint32_t> sessions_ ABSL_GUARDED_BY(mutex_);
};

// Handshakes under way on one thread whose only end is to say that the client is
// refused.
class Farewells {
 public:
  static constexpr uint32_t kMost = 64;

  // One that is counted until this goes.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept : farewells_(std::exchange(other.farewells_, nullptr)) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(farewells_, other.farewells_);
      return *this;
    }
    ~Ticket() {
      if (farewells_ != nullptr) --farewells_->count_;
    }
    bool counted() const { return farewells_ != nullptr; }

   private:
    friend class Farewells;
    explicit Ticket(Farewells* farewells) : farewells_(farewells) {}
    Farewells* farewells_ = nullptr;
  };

  // False if there are as many as there may be.
  bool Enter(Ticket* ticket) {
    if (count_ >= kMost) return false;
    ++count_;
    *ticket = Ticket(this);
    return true;
  }

 private:
  uint32_t count_ = 0;
};

// All of them; one for each process.
struct Limits {
  Limits(const AddressLimits& address_limits, size_t most_addresses, uint32_t of_user)
      : addresses(address_limits, most_addresses), users(of_user) {}
  LimitCounters counters;
  AddressTable addresses;
  UserTable users;
};

}  // namespace restante::pop3
