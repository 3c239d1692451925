#include "plugins/lmtpd/recipient_slots.h"

#include <string>

#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"

namespace restante::lmtp {
namespace {

size_t KeyOf(std::string_view recipient) {
  const size_t at = recipient.rfind('@');
  const std::string_view local = recipient.substr(0, at);
  std::string key(local.substr(0, local.find('+')));
  if (at != recipient.npos) key += recipient.substr(at);
  absl::AsciiStrToLower(&key);
  return absl::HashOf(key);
}

}  // namespace

RecipientSlots::Hold::~Hold() {
  if (taken_.empty()) return;
  absl::MutexLock lock(&slots_.mutex_);
  for (const size_t key : taken_) {
    const auto found = slots_.transactions_.find(key);
    if (--found->second == 0) slots_.transactions_.erase(found);
  }
}

bool RecipientSlots::Hold::Take(std::string_view recipient) {
  if (slots_.most_ == 0) return true;
  const size_t key = KeyOf(recipient);
  if (taken_.contains(key)) return true;
  {
    absl::MutexLock lock(&slots_.mutex_);
    uint32_t& count = slots_.transactions_[key];
    if (count >= slots_.most_) return false;
    ++count;
  }
  taken_.insert(key);
  return true;
}

}  // namespace restante::lmtp
