// An account on its way into being: the ids and the facts that Create and Import
// write, and which address it may have.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/types.h"

namespace restante::store {

struct Directory::Planned {
  std::string address;  // as given
  std::string normalized;
  std::string password_hash;
  Quota quota;
  AccountId account;
  MailboxId inbox;
  uint32_t uidvalidity = 0;
  absl::Time created;
};

// What is set for a new account itself.
Quota QuotaOfNew(const NewAccount& account);

// The normal form of an address that an account is to have. BAD_ADDRESS, also for one
// that is legal but could never log in, because SASLprep prohibits a character of it.
absl::StatusOr<std::string> NormalizeAccountAddress(absl::string_view address);

}  // namespace restante::store
