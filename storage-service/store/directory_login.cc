// The directory's answers to who may log in: passwords and the tokens that stand
// for them.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/password_cache.h"
#include "storage-service/store/password_pool.h"
#include "storage-service/store/passwords.h"

namespace restante::store {
namespace {

// One text for an unknown address and a wrong password.
absl::Status BadCredentials() {
  return MakeError(v1::ERROR_REASON_BAD_CREDENTIALS, "address and password don't match");
}

absl::Status Disabled(const AccountEntry& entry) {
  return MakeError(v1::ERROR_REASON_ACCOUNT_DISABLED,
                   absl::StrCat("the account ", entry.address, " is disabled"));
}

}  // namespace

Task<absl::StatusOr<Directory::Entry>> Directory::VerifyPassword(std::string address,
                                                                 std::string password,
                                                                 ClientInfo) {
  const WipeAtEnd wipe(&password);
  // Known from the password alone: the answer's speed tells nothing of the address.
  if (!CheckPassword(password).ok()) co_return BadCredentials();

  Entry entry;
  absl::StatusOr<std::string> normalized = NormalizeAddress(address);
  if (normalized.ok()) {
    absl::StatusOr<Entry> found = co_await FindNormalized(*std::move(normalized));
    if (found.ok()) {
      entry = *std::move(found);
    } else if (!IsNoSuchAccount(found.status())) {
      co_return found.status();
    }
  }
  if (entry == nullptr) {
    const absl::StatusOr<bool> ignored = co_await passwords_->Verify(password, dummy_hash_);
    if (!ignored.ok()) co_return ignored.status();
    co_return BadCredentials();
  }

  if (!password_cache_->Knows(entry->id, entry->generation, password)) {
    const absl::StatusOr<bool> right =
        co_await passwords_->Verify(password, entry->password_hash);
    if (!right.ok()) co_return right.status();
    if (!*right) co_return BadCredentials();

    // The account may have changed while the password waited for its turn.
    absl::StatusOr<Entry> now = co_await FindById(entry->id);
    if (!now.ok()) {
      co_return IsNoSuchAccount(now.status()) ? BadCredentials() : now.status();
    }
    if ((*now)->password_hash != entry->password_hash) co_return BadCredentials();
    entry = *std::move(now);
    password_cache_->Remember(entry->id, entry->generation, password);
  }
  if (entry->disabled) co_return Disabled(*entry);
  co_return entry;
}

Task<absl::StatusOr<Authenticated>> Directory::AuthenticatePassword(std::string address,
                                                                    std::string password,
                                                                    ClientInfo client) {
  const absl::StatusOr<Entry> entry =
      co_await VerifyPassword(std::move(address), std::move(password), std::move(client));
  if (!entry.ok()) co_return entry.status();
  format::AuthToken token;
  token.set_account_id(std::string((*entry)->id.AsOctets()));
  token.set_generation((*entry)->generation);
  token.set_expires_us(absl::ToUnixMicros(clock_->Now() + options_.auth_token_lifetime));
  Authenticated authenticated;
  authenticated.account = (*entry)->id;
  authenticated.address = (*entry)->address;
  authenticated.auth_token = sealer_->Seal(TokenKind::kAuth, token.SerializeAsString());
  authenticated.lifetime = options_.auth_token_lifetime;
  co_return authenticated;
}

Task<absl::StatusOr<Directory::Entry>> Directory::CheckAuthToken(std::string token) {
  const absl::StatusOr<std::string> payload = sealer_->Open(TokenKind::kAuth, token);
  if (!payload.ok()) co_return payload.status();
  format::AuthToken auth;
  if (!auth.ParseFromString(*payload)) {
    co_return MakeError(v1::ERROR_REASON_BAD_TOKEN, "the token can't be decoded");
  }
  const std::optional<AccountId> account = AccountId::FromOctets(auth.account_id());
  if (!account.has_value()) {
    co_return MakeError(v1::ERROR_REASON_BAD_TOKEN, "the token names no account");
  }
  if (clock_->Now() >= absl::FromUnixMicros(auth.expires_us())) {
    co_return MakeError(v1::ERROR_REASON_BAD_TOKEN, "the token has expired");
  }
  absl::StatusOr<Entry> entry = co_await FindById(*account);
  if (!entry.ok()) {
    if (!IsNoSuchAccount(entry.status())) co_return entry.status();
    co_return MakeError(v1::ERROR_REASON_BAD_TOKEN, "the token's account is gone");
  }
  if ((*entry)->disabled) co_return Disabled(**entry);
  if ((*entry)->generation != auth.generation()) {
    co_return MakeError(v1::ERROR_REASON_BAD_TOKEN, "the account has changed since");
  }
  co_return entry;
}

}  // namespace restante::store
