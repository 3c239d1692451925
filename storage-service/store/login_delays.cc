#include "storage-service/store/login_delays.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace restante::store {
namespace {

// How many old logins a new one sweeps out at most: more than it brings in.
constexpr int kSweep = 4;

}  // namespace

absl::Status LoginDelays::Check(const AccountId& account, absl::Duration delay,
                                absl::Time now) {
  if (delay <= absl::ZeroDuration()) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  const auto last = logins_.find(account);
  if (last == logins_.end()) return absl::OkStatus();
  // A clock that was set back must lock nobody out for longer than the delay.
  const absl::Duration left = std::min(last->second.at + delay - now, delay);
  if (left <= absl::ZeroDuration()) return absl::OkStatus();
  absl::Status status =
      MakeError(v1::ERROR_REASON_LOGIN_DELAY,
                absl::StrCat("the last login was less than ", absl::FormatDuration(delay),
                             " ago; try again in ",
                             absl::FormatDuration(absl::Ceil(left, absl::Seconds(1)))));
  SetRetryAfter(status, left);
  return status;
}

void LoginDelays::Note(const AccountId& account, absl::Duration delay, absl::Time now) {
  if (delay <= absl::ZeroDuration()) return;
  absl::MutexLock lock(&mutex_);
  logins_[account] = {now, now + delay};
  order_.emplace_back(now, account);
  for (int swept = 0; swept < kSweep && !order_.empty(); ++swept) {
    const auto& [at, oldest] = order_.front();
    const auto login = logins_.find(oldest);
    const bool replaced = login == logins_.end() || login->second.at != at;
    const bool over = !replaced && login->second.until <= now;
    if (!replaced && !over && order_.size() <= most_accounts_) break;
    if (!replaced) logins_.erase(login);
    order_.pop_front();
  }
}

size_t LoginDelays::size() const {
  absl::MutexLock lock(&mutex_);
  return logins_.size();
}

}  // namespace restante::store
