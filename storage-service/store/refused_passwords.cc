#include "storage-service/store/refused_passwords.h"

#include <utility>

#include "common/log.h"

namespace restante::store {

void RefusedPasswords::Note(absl::Time now, const std::string& address,
                            const ClientInfo& client) {
  uint64_t unlogged = 0;
  {
    absl::MutexLock lock(&mutex_);
    // A clock that was set back begins a new second as well.
    if (now < second_ || now >= second_ + absl::Seconds(1)) {
      second_ = now;
      lines_ = 0;
    }
    if (lines_ == kMostLinesPerSecond) {
      ++unlogged_;
      return;
    }
    ++lines_;
    unlogged = std::exchange(unlogged_, 0);
  }
  LogInfo("store", "PasswordRefused",
          {{"remote", client.remote_address},
           {"protocol", client.protocol},
           {"tls", client.tls},
           {"user", address},
           {"request", client.request_id},
           {"unlogged_before", unlogged}});
}

}  // namespace restante::store
