// The directory's answers to who may log in: passwords and the tokens that stand
// for them.
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/password_cache.h"
#include "storage-service/store/password_pool.h"
#include "storage-service/store/passwords.h"
#include "storage-service/store/saslprep.h"

namespace restante::store {
namespace {

// One text for an unknown address and a wrong password.
absl::Status BadCredentials() {
  return MakeError(v1::ERROR_REASON_BAD_CREDENTIALS, "address and password don't match");
}

// What is shown of an address that somebody typed: it may be anything.
constexpr size_t kShownOctets = 256;

}  // namespace

Task<absl::StatusOr<Directory::Entry>> Directory::VerifyPassword(std::string address,
                                                                 std::string password,
                                                                 ClientInfo client) {
  std::string typed = address.substr(0, kShownOctets);
  absl::StatusOr<Entry> entry =
      co_await CheckPasswordOf(std::move(address), std::move(password));
  if (ReasonOf(entry.status()) == v1::ERROR_REASON_BAD_CREDENTIALS) {
    refused_passwords_.Note(clock_->Now(), typed, client);
  }
  co_return entry;
}

Task<absl::StatusOr<Directory::Entry>> Directory::CheckPasswordOf(std::string address,
                                                                  std::string password) {
  const WipeAtEnd wipe(&password);
  // Known from the password alone: the answer's speed tells nothing of the address.
  if (!CheckPassword(password).ok()) co_return BadCredentials();

  absl::StatusOr<Entry> found = co_await FindForLogin(std::move(address));
  if (!found.ok()) co_return found.status();
  Entry entry = *std::move(found);

  if (entry == nullptr || !password_cache_->Knows(entry->id, entry->generation, password)) {
    // As many computations for an unknown address as for a wrong password.
    const std::string hash = entry == nullptr ? dummy_hash_ : entry->password_hash;
    absl::StatusOr<bool> right = false;
    std::vector<std::string> forms = PasswordForms(password);
    for (std::string& form : forms) {
      if (right.ok() && !*right) right = co_await passwords_->Verify(form, hash);
      Wipe(&form);
    }
    if (!right.ok()) co_return right.status();
    if (!*right || entry == nullptr) co_return BadCredentials();

    // The account may have changed while the password waited for its turn.
    absl::StatusOr<Entry> now = co_await FindById(entry->id);
    if (!now.ok()) {
      co_return IsNoSuchAccount(now.status()) ? BadCredentials() : now.status();
    }
    if ((*now)->password_hash != entry->password_hash) co_return BadCredentials();
    entry = *std::move(now);
    password_cache_->Remember(entry->id, entry->generation, password);
  }
  if (entry->disabled) co_return DisabledError(entry->address);
  co_return entry;
}

Task<absl::StatusOr<Directory::Entry>> Directory::FindForLogin(std::string address) {
  if (HasProhibited(address)) co_return Entry();
  const absl::StatusOr<std::string> prepared = SaslPrep("address", address);
  std::vector<std::string> forms = {address};
  if (prepared.ok() && *prepared != address) forms.push_back(*prepared);
  for (const std::string& form : forms) {
    absl::StatusOr<std::string> normalized = NormalizeAddress(form);
    if (!normalized.ok()) continue;
    absl::StatusOr<Entry> found = co_await FindNormalized(*std::move(normalized));
    if (found.ok() || !IsNoSuchAccount(found.status())) co_return found;
  }
  co_return Entry();
}

Task<absl::StatusOr<Authenticated>> Directory::AuthenticatePassword(std::string address,
                                                                    std::string password,
                                                                    ClientInfo client) {
  const std::string protocol = client.protocol;
  const absl::StatusOr<Entry> entry =
      co_await VerifyPassword(std::move(address), std::move(password), std::move(client));
  if (!entry.ok()) co_return entry.status();
  if (protocol == "pop3" && (*entry)->pop3_disabled) {
    co_return ProtocolDisabled((*entry)->address, "POP3");
  }
  if (protocol == "imap" && (*entry)->imap_disabled) {
    co_return ProtocolDisabled((*entry)->address, "IMAP");
  }
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
  if ((*entry)->disabled) co_return DisabledError((*entry)->address);
  if ((*entry)->generation != auth.generation()) {
    co_return MakeError(v1::ERROR_REASON_BAD_TOKEN, "the account has changed since");
  }
  co_return entry;
}

}  // namespace restante::store
