#include "pop3d/limits.h"

#include <algorithm>
#include <chrono>

#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace restante::pop3 {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr absl::string_view kNames[] = {
    "connections",
    "connections_of_address",
    "new_connections_of_address",
    "sessions_of_user",
    "failed_logins",
    "bad_commands",
    "time_before_login",
    "time_in_session",
    "proxy_header",
    "tls_handshake",
    "line_length",
};
static_assert(std::size(kNames) == kLimitCount);

}  // namespace

Text RefusalOf(Limit limit) {
  switch (limit) {
    case Limit::kConnectionsOfAddress:
      return Text::kTooManyFromAddress;
    case Limit::kNewConnectionsOfAddress:
      return Text::kTooFast;
    case Limit::kSessionsOfUser:
      return Text::kTooManyOfUser;
    default:
      return Text::kTooManyConnections;
  }
}

absl::string_view NameOf(Limit limit) { return kNames[static_cast<size_t>(limit)]; }

std::optional<uint64_t> LimitCounters::Count(Limit limit, TimePoint now) {
  Counter& counter = counters_[static_cast<size_t>(limit)];
  const uint64_t hits = counter.hits.fetch_add(1) + 1;
  const int64_t at = now.time_since_epoch().count();
  int64_t last = counter.last_report.load();
  const bool due = last == INT64_MIN || at - last >= TimeSpan(seconds(1)).count();
  // Of several threads that see it due, one reports.
  if (!due || !counter.last_report.compare_exchange_strong(last, at)) return std::nullopt;
  return hits - counter.reported.exchange(hits);
}

std::string LimitCounters::Summary() const {
  std::string summary;
  for (size_t i = 0; i < kLimitCount; ++i) {
    const uint64_t hits = counters_[i].hits.load();
    if (hits != 0) absl::StrAppend(&summary, summary.empty() ? "" : " ", kNames[i], "=", hits);
  }
  return summary;
}

uint64_t LimitCounters::total() const {
  uint64_t total = 0;
  for (const Counter& counter : counters_) total += counter.hits.load();
  return total;
}

AddressTable::Key AddressTable::KeyOf(const asio::ip::address& address) {
  Key key = AddressOctets(address);
  const bool v4 = address.is_v4() || address.to_v6().is_v4_mapped();
  if (!v4) std::fill(key.begin() + 8, key.end(), uint8_t{0});
  return key;
}

std::optional<Limit> AddressTable::Enter(const asio::ip::address& address, TimePoint now,
                                         Ticket* ticket) {
  *ticket = Ticket();
  if (limits_.connections == 0 && limits_.new_connections_per_minute == 0) return {};
  if (AnyContains(limits_.exempt, address)) return {};
  const Key key = KeyOf(address);
  absl::MutexLock lock(&mutex_);
  if (entries_.size() >= make_room_at_) MakeRoom(now);
  Entry& entry = entries_.try_emplace(key, Entry{0, now}).first->second;
  if (limits_.connections != 0 && entry.connections >= limits_.connections) {
    return Limit::kConnectionsOfAddress;
  }
  if (limits_.new_connections_per_minute != 0) {
    const TimePoint due =
        std::max(entry.due, now) + TimeSpan(minutes(1)) / limits_.new_connections_per_minute;
    if (due - now > TimeSpan(minutes(1))) return Limit::kNewConnectionsOfAddress;
    entry.due = due;
  }
  ++entry.connections;
  *ticket = Ticket(this, key);
  return {};
}

void AddressTable::Leave(const Key& key) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end() && found->second.connections > 0) --found->second.connections;
}

void AddressTable::MakeRoom(TimePoint now) {
  absl::erase_if(entries_, [now](const auto& entry) {
    return entry.second.connections == 0 && entry.second.due <= now;
  });
  // Addresses without a connection may be forgotten: all that is lost is how fast they
  // came.
  if (entries_.size() >= most_entries_) {
    absl::erase_if(entries_, [](const auto& entry) { return entry.second.connections == 0; });
  }
  make_room_at_ = std::max<size_t>(1024, std::min(entries_.size() * 2, most_entries_));
  // With more connections than that, room can't be made at every one.
  make_room_at_ = std::max(make_room_at_, entries_.size() + 1024);
}

size_t AddressTable::entries() {
  absl::MutexLock lock(&mutex_);
  return entries_.size();
}

size_t UserTable::KeyOf(absl::string_view user) {
  // Seeded anew in each process, so nobody can choose names that collide.
  return absl::HashOf(absl::AsciiStrToLower(user));
}

bool UserTable::HasRoom(absl::string_view user) {
  if (most_ == 0 || user.empty()) return true;
  const size_t hash = KeyOf(user);
  absl::MutexLock lock(&mutex_);
  const auto found = sessions_.find(hash);
  return found == sessions_.end() || found->second < most_;
}

bool UserTable::Enter(absl::string_view user, Ticket* ticket) {
  *ticket = Ticket();
  if (most_ == 0) return true;
  const size_t hash = KeyOf(user);
  absl::MutexLock lock(&mutex_);
  uint32_t& sessions = sessions_[hash];
  if (sessions >= most_) return false;
  ++sessions;
  *ticket = Ticket(this, hash);
  return true;
}

void UserTable::Leave(size_t hash) {
  absl::MutexLock lock(&mutex_);
  const auto found = sessions_.find(hash);
  if (found != sessions_.end() && --found->second == 0) sessions_.erase(found);
}

}  // namespace restante::pop3
