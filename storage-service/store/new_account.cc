#include "storage-service/store/new_account.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/saslprep.h"

namespace restante::store {

Quota QuotaOfNew(const NewAccount& account) {
  Quota quota;
  if (account.quota_octets > 0) quota.octets = account.quota_octets;
  if (account.quota_messages > 0) quota.messages = account.quota_messages;
  return quota;
}

absl::StatusOr<std::string> NormalizeAccountAddress(absl::string_view address) {
  absl::StatusOr<std::string> normalized = NormalizeAddress(address);
  if (!normalized.ok() || !HasProhibited(address)) return normalized;
  // Its message names the character.
  return MakeError(
      v1::ERROR_REASON_BAD_ADDRESS,
      absl::StrCat(
          "nobody could log in by this address: ",
          SaslPrep(absl::StrCat("address '", address, "'"), address).status().message()));
}

}  // namespace restante::store
