#include "plugins/postfix/recipient_cache.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"

namespace restante::postfix {
namespace {

// Nodes, hash table, allocator: about so much for each entry.
constexpr size_t kOverheadOctets = 320;

size_t CostOf(std::string_view address, const Recipient& recipient) {
  size_t cost = kOverheadOctets + 2 * address.size() + recipient.alias.size();
  for (const std::string& account : recipient.accounts) {
    cost += sizeof(std::string) + account.size();
  }
  return cost;
}

// Whether the normal form may be more than lower case.
bool NeedsNoNormalForm(std::string_view address) {
  return std::all_of(address.begin(), address.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80 && c != '"' && c != '\\';
  });
}

}  // namespace

std::optional<RecipientCache::Known> RecipientCache::Find(std::string_view address,
                                                          uint64_t octets,
                                                          Clock::time_point now) {
  const auto found = by_address_.find(std::string(address));
  if (found == by_address_.end()) return std::nullopt;
  const Entries::iterator entry = found->second;
  if (entry->until <= now) {
    Erase(entry);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  Known known{entry->recipient, Room::kUnknown};
  if (entry->room_until > now) {
    if (entry->fits.has_value() && octets <= *entry->fits) known.room = Room::kFits;
    if (entry->full.has_value() && octets >= *entry->full) known.room = Room::kFull;
  }
  return known;
}

void RecipientCache::Put(std::string_view address, std::shared_ptr<const Recipient> recipient,
                         uint64_t octets, bool fits, Clock::time_point now) {
  const size_t cost = CostOf(address, *recipient);
  if (const auto found = by_address_.find(std::string(address)); found != by_address_.end()) {
    Erase(found->second);
  }
  if (cost > settings_.octets) return;
  Entry entry{.address = std::string(address),
              .recipient = std::move(recipient),
              .cost = cost,
              .room_until = now + settings_.room_lifetime};
  const bool exists = entry.recipient->exists;
  entry.until = now + (exists ? settings_.lifetime : settings_.missing_lifetime);
  if (exists && fits) entry.fits = octets;
  if (exists && !fits) entry.full = octets;
  entries_.push_front(std::move(entry));
  by_address_.emplace(entries_.front().address, entries_.begin());
  octets_ += cost;
  while (octets_ > settings_.octets) Erase(std::prev(entries_.end()));
}

void RecipientCache::Forget(const std::vector<std::string>& addresses) {
  if (!std::all_of(addresses.begin(), addresses.end(), NeedsNoNormalForm)) {
    ForgetEverything();
    return;
  }
  const absl::flat_hash_set<std::string> named(addresses.begin(), addresses.end());
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto here = entry++;
    const Recipient& recipient = *here->recipient;
    const bool own = recipient.exists && recipient.alias.empty() &&
                     recipient.accounts.size() == 1 && NeedsNoNormalForm(here->address) &&
                     NeedsNoNormalForm(recipient.accounts.front());
    if (own && !named.contains(here->address) &&
        !named.contains(absl::AsciiStrToLower(recipient.accounts.front()))) {
      continue;
    }
    Erase(here);
  }
}

void RecipientCache::ForgetEverything() {
  by_address_.clear();
  entries_.clear();
  octets_ = 0;
}

void RecipientCache::Erase(Entries::iterator entry) {
  octets_ -= entry->cost;
  by_address_.erase(entry->address);
  entries_.erase(entry);
}

}  // namespace restante::postfix
