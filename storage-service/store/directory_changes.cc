// The directory's changes of one account: creation, updates, deletion.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_cache.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/domain_quotas.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/new_account.h"
#include "storage-service/store/password_pool.h"
#include "storage-service/store/passwords.h"
#include "storage-service/store/policies.h"
#include "storage-service/store/reservations.h"

namespace restante::store {

Directory::Planned Directory::PlanAccount(std::string address, std::string normalized,
                                          Quota quota) const {
  Planned planned;
  planned.address = std::move(address);
  planned.normalized = std::move(normalized);
  planned.quota = quota;
  planned.account = AccountId::Random();
  planned.inbox = MailboxId::Random();
  planned.created = clock_->Now();
  // The seconds since 1970, as IMAP servers do: an account deleted and made again
  // has another.
  planned.uidvalidity = uidvalidities_.Least(planned.normalized, Seconds());
  return planned;
}

uint32_t Directory::Seconds() const {
  return static_cast<uint32_t>(std::clamp<int64_t>(absl::ToUnixSeconds(clock_->Now()), 1,
                                                   std::numeric_limits<uint32_t>::max() - 1));
}

Task<absl::StatusOr<std::string>> Directory::HashOf(Credential credential) {
  if (const auto* crypt = std::get_if<CryptHash>(&credential)) {
    const absl::Status sound = CheckCryptHash(crypt->hash);
    if (!sound.ok()) co_return sound;
    co_return crypt->hash;
  }
  std::string& password = std::get<Password>(credential).clear;
  const WipeAtEnd wipe(&password);
  absl::StatusOr<std::string> prepared = PreparePassword(password);
  if (!prepared.ok()) co_return prepared.status();
  const WipeAtEnd wipe_prepared(&*prepared);
  absl::StatusOr<std::string> hash = co_await passwords_->Hash(*prepared);
  co_return hash;
}

Task<absl::Status> Directory::Build(const Planned* planned) {
  quotas_->NoteAccount(planned->account, DomainOf(planned->normalized));
  const absl::Status mailbox =
      co_await mailboxes_->Create(planned->inbox, planned->account, planned->uidvalidity);
  if (!mailbox.ok()) co_return mailbox;
  format::AccountRecord record;
  record.set_address(planned->address);
  record.set_normalized_address(planned->normalized);
  if (planned->quota.octets) record.set_quota_octets(*planned->quota.octets);
  if (planned->quota.messages) record.set_quota_messages(*planned->quota.messages);
  record.set_password_hash(planned->password_hash);
  record.set_generation(1);
  record.set_next_uidvalidity(planned->uidvalidity + 1);
  record.set_created_us(absl::ToUnixMicros(planned->created));
  const absl::Status created = co_await records_->Create(planned->account, std::move(record),
                                                         planned->inbox, planned->uidvalidity);
  co_return created;
}

Task<void> Directory::Demolish(const Planned* planned) {
  quotas_->ForgetAccount(planned->account);
  // What can't be removed now stays as an orphan, which Verify reports.
  const absl::Status mailbox = co_await mailboxes_->Erase(planned->inbox);
  if (!mailbox.ok()) co_return;
  const absl::Status shard = co_await records_->Erase(planned->account);
  static_cast<void>(shard);
}

Task<absl::StatusOr<AccountInfo>> Directory::Create(NewAccount account) {
  absl::StatusOr<std::string> normalized = NormalizeAccountAddress(account.address);
  if (!normalized.ok()) co_return normalized.status();
  Reservations::Hold hold(reservations_.get());
  if (!hold.Take(*normalized)) co_return AccountExists(account.address);
  const auto taken = co_await addresses_->IsTaken(*normalized);
  if (!taken.ok()) co_return taken.status();
  if (*taken) co_return AccountExists(account.address);

  absl::StatusOr<std::string> hash = co_await HashOf(std::move(account.credential));
  if (!hash.ok()) co_return hash.status();
  Planned planned =
      PlanAccount(std::move(account.address), *std::move(normalized), QuotaOfNew(account));
  planned.password_hash = *std::move(hash);

  absl::Status made = co_await Build(&planned);
  if (made.ok()) {
    std::vector<AddressMap::Mapping> mappings;
    mappings.emplace_back(planned.normalized, planned.account);
    made = co_await addresses_->Insert(std::move(mappings));
    // After a failed write nobody knows whether the address leads here now.
    if (absl::IsUnavailable(made)) co_return made;
  }
  if (!made.ok()) {
    co_await Demolish(&planned);
    co_return made;
  }
  AccountInfo info;
  info.id = planned.account;
  info.address = planned.address;
  info.created = planned.created;
  AccountEntry made_now;
  made_now.domain = DomainOf(planned.normalized);
  info.quota = planned.quota;
  info.effective_quota = quotas_->Effective(planned.quota, made_now.domain);
  info.quota_octets = info.effective_quota.octets.value_or(0);
  info.effective_pop3_policy = EffectivePolicy(made_now);
  const auto filing = FilingOf(made_now);
  if (filing != nullptr) info.effective_filing_rules = *filing;
  co_return info;
}

Task<absl::StatusOr<Directory::Entry>> Directory::Change(
    std::string address, std::function<void(format::AccountRecord*)> change) {
  const absl::StatusOr<Entry> before = co_await Find(address);
  if (!before.ok()) co_return before.status();
  const absl::Status changed = co_await records_->Change((*before)->id, std::move(change));
  // After a failure too: a write whose answer was lost may have happened.
  cache_->Forget((*before)->id);
  if (IsNoSuchAccount(changed)) co_return NoSuchAccount(address);
  if (!changed.ok()) co_return changed;
  absl::StatusOr<Entry> after = co_await FindById((*before)->id);
  if (IsNoSuchAccount(after.status())) co_return NoSuchAccount(address);
  co_return after;
}

Task<absl::StatusOr<AccountInfo>> Directory::Update(std::string address, AccountChange change) {
  if (change.filing_rules && *change.filing_rules) {
    absl::StatusOr<FilingRules> rules = CheckFilingRules(**std::move(change.filing_rules));
    if (!rules.ok()) co_return rules.status();
    *change.filing_rules = *std::move(rules);
  }
  absl::StatusOr<Entry> entry = absl::UnknownError("");
  if (change.pop3_policy.has_value()) {
    entry = co_await ChangePolicy(std::move(address), std::move(change));
  } else if (change.empty()) {
    entry = co_await Find(std::move(address));
  } else {
    const std::string normalized = NormalizeAddress(address).value_or("");
    // Named, because g++ 12 copies the octets of a temporary closure in a co_await operand,
    // the strings' pointers to themselves included.
    std::function<void(format::AccountRecord*)> apply =
        [change](format::AccountRecord* record) { ApplyTo(change, record); };
    entry = co_await Change(std::move(address), std::move(apply));
    recipient_changes_.Note(normalized);
  }
  if (!entry.ok()) co_return entry.status();
  absl::StatusOr<AccountInfo> info = co_await InfoOf(*entry);
  co_return info;
}

Task<absl::Status> Directory::SetPassword(std::string address, Credential credential) {
  const absl::StatusOr<Entry> found = co_await Find(address);
  if (!found.ok()) co_return found.status();
  const absl::StatusOr<std::string> hash = co_await HashOf(std::move(credential));
  if (!hash.ok()) co_return hash.status();
  const absl::StatusOr<Entry> changed = co_await Change(
      std::move(address),
      [&hash](format::AccountRecord* record) { record->set_password_hash(*hash); });
  co_return changed.status();
}

Task<absl::Status> Directory::Delete(std::string address) {
  const absl::StatusOr<std::string> normalized = NormalizeAddress(address);
  if (!normalized.ok()) co_return normalized.status();
  Reservations::Hold hold(reservations_.get());
  if (!hold.Take(*normalized)) co_return BeingChanged(*normalized);
  const absl::StatusOr<Entry> entry = co_await FindNormalized(*normalized);
  if (!entry.ok()) co_return entry.status();
  const auto next_uidvalidity = co_await records_->NextUidvalidity((*entry)->id);
  if (!next_uidvalidity.ok()) co_return next_uidvalidity.status();
  uidvalidities_.Note(*normalized, *next_uidvalidity, Seconds());
  const auto deletion =
      co_await addresses_->Remove(*normalized, (*entry)->id, (*entry)->address);
  cache_->Forget((*entry)->id);
  if (!deletion.ok()) co_return deletion.status();
  const absl::Status finished =
      co_await FinishDeletion(deletion->account, deletion->address, deletion->slice);
  if (finished.ok()) co_return finished;
  // The account is gone: nobody can log in and nothing is delivered.
  co_return MakeError(
      v1::ERROR_REASON_STORE_FAILURE,
      absl::StrCat("the account ", address,
                   " is deleted, but its mail can't be removed before the next start: ",
                   finished.message()));
}

Task<absl::Status> Directory::FinishDeletion(AccountId account, std::string address,
                                             uint8_t slice) {
  const auto mailboxes = co_await records_->Mailboxes(account);
  if (!mailboxes.ok()) co_return mailboxes.status();
  for (const AccountRecords::NamedMailbox& mailbox : *mailboxes) {
    const absl::Status erased = co_await mailboxes_->Erase(mailbox.id);
    if (!erased.ok()) co_return erased;
  }
  quotas_->ForgetAccount(account);
  const absl::Status forgotten_policy = co_await policies_->Forget(account);
  if (!forgotten_policy.ok()) co_return forgotten_policy;
  // Last: it is what knows the mailboxes.
  const absl::Status erased = co_await records_->Erase(account);
  if (!erased.ok()) co_return erased;
  AddressMap::Deletion deletion{account, std::move(address), slice};
  const absl::Status forgotten = co_await addresses_->FinishDeletion(std::move(deletion));
  co_return forgotten;
}

}  // namespace restante::store
