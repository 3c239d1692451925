// An account on its way into being: the ids and the facts that Create and Import
// write.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/types.h"

namespace restante::store {

struct Directory::Planned {
  std::string address;  // as given
  std::string normalized;
  std::string password_hash;
  uint64_t quota_octets = 0;
  AccountId account;
  MailboxId inbox;
  uint32_t uidvalidity = 0;
  absl::Time created;
};

}  // namespace restante::store
