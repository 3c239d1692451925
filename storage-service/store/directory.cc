#include "storage-service/store/directory.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/account_cache.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/client_certificates.h"
#include "storage-service/store/concurrently.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/domain_quotas.h"
#include "storage-service/store/filing_settings.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/password_cache.h"
#include "storage-service/store/password_pool.h"
#include "storage-service/store/passwords.h"
#include "storage-service/store/policies.h"
#include "storage-service/store/reservations.h"
#include "storage-service/store/slice_place.h"

namespace restante::store {
namespace {

constexpr size_t kMaxPage = 10'000;
constexpr size_t kLookupsAtOnce = 32;

std::string MakeDummyHash(const PasswordHasher& hasher) {
  // If no hash can be made nobody can log in either; verification then fails fast
  // for all alike.
  return hasher.Hash(Id128::Random().ToHex()).value_or("*");
}

// 0: one for each core.
int ThreadsFor(int configured) {
  if (configured > 0) return configured;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

Directory::Directory(engine::Engine* engine, MailboxTable* mailboxes, const TokenSealer* sealer,
                     const Clock* clock, const StoreOptions& options,
                     std::unique_ptr<PasswordHasher> hasher)
    : engine_(engine),
      mailboxes_(mailboxes),
      sealer_(sealer),
      clock_(clock),
      options_(options),
      addresses_(std::make_unique<AddressMap>(engine, &recipient_changes_)),
      aliases_(std::make_unique<AliasMap>(engine, &recipient_changes_)),
      records_(std::make_unique<AccountRecords>(engine)),
      policies_(std::make_unique<Policies>(
          engine, options.pop3_policy,
          [this](AccountId account) { return ReadOwnPolicy(account); })),
      quotas_(std::make_unique<DomainQuotas>(engine, mailboxes, addresses_.get(),
                                             records_.get(), options.quota,
                                             options.quota_grace)),
      filing_(std::make_unique<FilingSettings>(engine)),
      cache_(std::make_unique<AccountCache>(options.cached_accounts)),
      reservations_(std::make_unique<Reservations>()),
      hasher_(hasher != nullptr ? std::move(hasher) : NewCryptHasher()),
      password_cache_(std::make_unique<PasswordCache>(clock, options.password_cache_entries,
                                                      options.password_cache_lifetime)),
      dummy_hash_(MakeDummyHash(*hasher_)),
      passwords_(std::make_unique<PasswordPool>(
          hasher_.get(), ThreadsFor(options.password_threads), options.password_queue)) {}

Directory::~Directory() = default;

Task<absl::Status> Directory::Start() {
  if (!options_.client_ca_file.empty()) {
    auto certificates = ClientCertificates::Load(options_.client_ca_file);
    if (!certificates.ok()) co_return certificates.status();
    client_certificates_ = *std::move(certificates);
  }
  absl::Status policies = co_await policies_->Start();
  if (!policies.ok()) co_return policies;
  absl::Status quotas = co_await quotas_->Start();
  if (!quotas.ok()) co_return quotas;
  absl::Status filing = co_await filing_->Start();
  if (!filing.ok()) co_return filing;
  const auto deletions = co_await addresses_->Deletions();
  if (!deletions.ok()) co_return deletions.status();
  for (const AddressMap::Deletion& deletion : *deletions) {
    const absl::Status finished =
        co_await FinishDeletion(deletion.account, deletion.address, deletion.slice);
    if (finished.ok()) {
      LogInfo("accounts", "Finished an interrupted deletion", {{"user", deletion.address}});
    } else {
      LogError("accounts", "Can't finish an interrupted deletion",
               {{"user", deletion.address}, {"error", finished}});
    }
  }
  absl::Status renames = co_await FinishRenames();
  co_return renames;
}

Task<absl::StatusOr<Directory::Entry>> Directory::Find(std::string address) {
  absl::StatusOr<std::string> normalized = NormalizeAddress(address);
  if (!normalized.ok()) co_return normalized.status();
  absl::StatusOr<Entry> found = co_await FindNormalized(*std::move(normalized));
  co_return found;
}

Task<absl::StatusOr<Directory::Entry>> Directory::FindNormalized(std::string normalized) {
  if (Entry cached = cache_->ByAddress(normalized)) co_return cached;
  const AccountCache::Ticket ticket = cache_->TakeTicket();
  const auto account = co_await addresses_->Lookup(normalized);
  if (!account.ok()) co_return account.status();
  if (!account->has_value()) co_return NoSuchAccount(normalized);
  const auto loaded = co_await records_->Load(**account);
  if (!loaded.ok()) {
    // Deleted between the two reads.
    if (IsNoSuchAccount(loaded.status())) co_return NoSuchAccount(normalized);
    co_return loaded.status();
  }
  cache_->Insert(ticket, std::move(normalized), loaded->entry);
  co_return loaded->entry;
}

Task<absl::StatusOr<Directory::Entry>> Directory::FindById(AccountId id) {
  if (Entry cached = cache_->ById(id)) co_return cached;
  const AccountCache::Ticket ticket = cache_->TakeTicket();
  const auto loaded = co_await records_->Load(id);
  if (!loaded.ok()) co_return loaded.status();
  // A shard alone proves nothing: it outlives its address in a deletion.
  const auto account = co_await addresses_->Lookup(loaded->normalized_address);
  if (!account.ok()) co_return account.status();
  if (*account != id) co_return NoSuchAccount(loaded->entry->address);
  cache_->Insert(ticket, loaded->normalized_address, loaded->entry);
  co_return loaded->entry;
}

Task<absl::StatusOr<AccountInfo>> Directory::Get(std::string address) {
  const absl::StatusOr<Entry> entry = co_await Find(std::move(address));
  if (!entry.ok()) co_return entry.status();
  absl::StatusOr<AccountInfo> info = co_await InfoOf(*entry);
  co_return info;
}

Task<absl::StatusOr<AccountInfo>> Directory::InfoOf(Entry entry) {
  AccountInfo info;
  info.id = entry->id;
  info.address = entry->address;
  info.disabled = entry->disabled;
  info.quota = entry->quota;
  info.effective_quota = quotas_->Effective(entry->quota, entry->domain);
  info.quota_octets = info.effective_quota.octets.value_or(0);
  info.pop3_disabled = entry->pop3_disabled;
  info.imap_disabled = entry->imap_disabled;
  info.created = entry->created;
  info.pop3_policy = entry->own_policy;
  info.effective_pop3_policy = EffectivePolicy(*entry);
  if (entry->own_filing != nullptr) info.filing_rules = *entry->own_filing;
  const auto filing = FilingOf(*entry);
  if (filing != nullptr) info.effective_filing_rules = *filing;
  const auto mailboxes = co_await records_->Mailboxes(entry->id);
  if (!mailboxes.ok()) co_return mailboxes.status();
  for (const AccountRecords::NamedMailbox& mailbox : *mailboxes) {
    const absl::StatusOr<MailboxStatus> status = co_await mailboxes_->Status(mailbox.id);
    if (IsNoSuchMailbox(status.status()) && mailbox.id != entry->inbox) continue;  // deleted
    if (!status.ok()) co_return status.status();
    info.used_octets += status->octets;
    info.message_count += status->message_count;
  }
  co_return info;
}

Task<absl::StatusOr<AccountPage>> Directory::List(std::string page_token, size_t page_size) {
  absl::StatusOr<SlicePlace> place = SlicePlace::FromToken(page_token);
  if (!place.ok()) co_return place.status();
  page_size = std::clamp<size_t>(page_size, 1, kMaxPage);

  std::vector<AddressMap::Mapping> mappings;
  while (!place->AtEnd() && mappings.size() < page_size) {
    auto page = co_await addresses_->List(static_cast<uint8_t>(place->slice), place->after,
                                          page_size - mappings.size());
    if (!page.ok()) co_return page.status();
    std::move(page->mappings.begin(), page->mappings.end(), std::back_inserter(mappings));
    place->GoOn(page->end, mappings.empty() ? "" : mappings.back().first);
  }

  // Not through the cache: a listing of everybody would empty it of those in use.
  std::vector<absl::StatusOr<AccountInfo>> infos(mappings.size(), AccountInfo());
  co_await Concurrently(mappings.size(), kLookupsAtOnce,
                        [&](size_t i) { return ListOne(mappings[i].second, &infos[i]); });
  AccountPage page;
  for (absl::StatusOr<AccountInfo>& info : infos) {
    if (info.ok()) {
      page.accounts.push_back(*std::move(info));
    } else if (!IsNoSuchAccount(info.status()) && !IsNoSuchMailbox(info.status())) {
      co_return info.status();
    }
  }
  page.next_page_token = place->ToToken();
  co_return page;
}

Task<void> Directory::ListOne(AccountId account, absl::StatusOr<AccountInfo>* info) {
  const auto loaded = co_await records_->Load(account);
  if (!loaded.ok()) {
    *info = loaded.status();
    co_return;
  }
  *info = co_await InfoOf(loaded->entry);
}

}  // namespace restante::store
