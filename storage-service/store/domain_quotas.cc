#include "storage-service/store/domain_quotas.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/shard_calls.h"

namespace restante::store {
namespace {

constexpr char kDomainQuotaPrefix = 'q';
constexpr size_t kAddressesInPage = 256;

// Beside the store's own record and the policies: others change those.
engine::ShardId QuotasShard() {
  std::string id(16, '\0');
  id.back() = 2;
  return {engine::ShardId::Kind::kService, *Id128::FromOctets(id)};
}

std::string QuotaKey(absl::string_view domain) {
  return absl::StrCat(absl::string_view(&kDomainQuotaPrefix, 1), domain);
}

void EncodeQuota(const Quota& quota, format::Quota* out) {
  if (quota.octets) out->set_octets(*quota.octets);
  if (quota.messages) out->set_messages(*quota.messages);
}

Quota DecodeQuota(const format::Quota& record) {
  Quota quota;
  if (record.has_octets()) quota.octets = record.octets();
  if (record.has_messages()) quota.messages = record.messages();
  return quota;
}

QuotaLimits LimitsOf(const Quota& total) {
  return {total.octets.value_or(0), total.messages.value_or(0), 0};
}

Holding HoldingOf(const Head& head) { return {head.octets, head.message_count}; }

}  // namespace

DomainQuotas::DomainQuotas(engine::Engine* engine, MailboxTable* mailboxes,
                           AddressMap* addresses, AccountRecords* records, const Quota& service,
                           const QuotaGrace& grace)
    : engine_(engine),
      mailboxes_(mailboxes),
      addresses_(addresses),
      records_(records),
      service_(service),
      grace_(grace) {}

Task<absl::Status> DomainQuotas::Start() {
  engine::ScanRequest request;
  request.shard = QuotasShard();
  request.begin = std::string(1, kDomainQuotaPrefix);
  request.end = std::string(1, kDomainQuotaPrefix + 1);
  while (true) {
    const auto page = co_await ScanKeys(engine_, request);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      format::DomainQuota record;
      if (!record.ParseFromString(std::string(value))) {
        co_return CorruptRecord("a domain's quota");
      }
      Put(std::string(key.substr(1)), DecodeQuota(record.accounts()),
          DecodeQuota(record.total()));
    }
    if (page->next.empty()) co_return absl::OkStatus();
    request.begin = page->next;
  }
}

void DomainQuotas::Put(const std::string& domain, const Quota& accounts, const Quota& total) {
  absl::MutexLock lock(&mutex_);
  if (accounts.empty() && total.empty()) {
    domains_.erase(domain);
    return;
  }
  Domain& put = domains_[domain];
  put.accounts = accounts;
  put.total = total;
  if (!LimitsOf(total).any()) {
    put.usage.reset();
  } else if (put.usage == nullptr) {
    put.usage = std::make_shared<Usage>();
    put.walked_to = {};
  }
}

Quota DomainQuotas::Effective(const Quota& own, absl::string_view domain) const {
  absl::MutexLock lock(&mutex_);
  const auto found = domains_.find(domain);
  if (found == domains_.end()) return Inherit(own, service_);
  return Inherit(Inherit(own, found->second.accounts), service_);
}

DomainQuotas::Total DomainQuotas::TotalOf(absl::string_view domain) const {
  absl::MutexLock lock(&mutex_);
  const auto found = domains_.find(domain);
  if (found == domains_.end() || found->second.usage == nullptr) return {};
  return {LimitsOf(found->second.total), found->second.usage};
}

DomainQuota DomainQuotas::InfoOf(const std::string& name, const Domain& domain) {
  DomainQuota info{name, domain.accounts, domain.total, {}, false};
  if (domain.usage != nullptr) {
    info.used = domain.usage->total();
    info.used_known = domain.usage->complete();
  }
  return info;
}

DomainQuota DomainQuotas::InfoOf(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = domains_.find(name);
  return found == domains_.end() ? DomainQuota{name, {}, {}, {}, false}
                                 : InfoOf(name, found->second);
}

std::vector<DomainQuota> DomainQuotas::List() const {
  absl::MutexLock lock(&mutex_);
  std::vector<DomainQuota> domains;
  for (const auto& [name, domain] : domains_) domains.push_back(InfoOf(name, domain));
  return domains;
}

Task<absl::Status> DomainQuotas::Write(std::string domain, Quota accounts, Quota total) {
  format::DomainQuota record;
  EncodeQuota(accounts, record.mutable_accounts());
  EncodeQuota(total, record.mutable_total());
  std::optional<std::string> value;
  if (!accounts.empty() || !total.empty()) value = record.SerializeAsString();
  absl::Status written =
      co_await WriteKey(engine_, QuotasShard(), QuotaKey(domain), std::move(value));
  co_return written;
}

Task<absl::StatusOr<DomainQuota>> DomainQuotas::Change(std::string domain,
                                                       DomainQuotaChange change) {
  AsyncMutex::Guard turn = co_await turn_.Lock();
  const DomainQuota before = InfoOf(domain);
  const Quota accounts = change.accounts.ApplyTo(before.accounts);
  const Quota total = change.total.ApplyTo(before.total);
  const absl::Status written = co_await Write(domain, accounts, total);
  if (absl::IsUnavailable(written)) {
    // Whether it was written after all is for the shard to say.
    const auto there = co_await GetKey(engine_, QuotasShard(), QuotaKey(domain));
    format::DomainQuota record;
    if (there.ok() && record.ParseFromString(there->value_or(""))) {
      Put(domain, DecodeQuota(record.accounts()), DecodeQuota(record.total()));
    }
  }
  if (!written.ok()) co_return written;
  Put(domain, accounts, total);
  co_return InfoOf(domain);
}

void DomainQuotas::NoteAccount(const AccountId& account, absl::string_view domain) {
  std::shared_ptr<Usage> usage = TotalOf(domain).usage;
  if (usage != nullptr) mailboxes_->usages().SetDomainOf(account, std::move(usage));
}

void DomainQuotas::ForgetAccount(const AccountId& account) {
  mailboxes_->usages().SetDomainOf(account, nullptr);
}

Task<absl::Status> DomainQuotas::MoveAccount(AccountId account, std::string from,
                                             std::string to) {
  std::shared_ptr<Usage> before = TotalOf(from).usage;
  std::shared_ptr<Usage> after = TotalOf(to).usage;
  if (before == after) co_return absl::OkStatus();
  absl::Status counted = co_await Count(account, std::move(after), std::move(before));
  co_return counted;
}

Task<absl::Status> DomainQuotas::Count(AccountId account, std::shared_ptr<Usage> usage,
                                       std::shared_ptr<Usage> before) {
  // First: mailboxes that are loaded after this find it by themselves.
  mailboxes_->usages().SetDomainOf(account, usage);
  const auto named = co_await records_->Mailboxes(account);
  if (!named.ok()) co_return named.status();
  for (const AccountRecords::NamedMailbox& mailbox : *named) {
    std::shared_ptr<Mailbox> loaded = mailboxes_->FindInMemory(mailbox.id);
    if (loaded != nullptr) {
      const absl::Status ready = co_await loaded->Load();
      if (ready.ok()) loaded->ReportToDomain(usage);
      if (!ready.ok() && !IsNoSuchMailbox(ready)) co_return ready;
    } else if (usage != nullptr) {
      const absl::StatusOr<std::optional<Head>> head = co_await ReadHead(engine_, mailbox.id);
      if (!head.ok()) co_return head.status();
      if (head->has_value() && !(*head)->erasing) {
        usage->SetIfUnknown(mailbox.id, HoldingOf(**head));
      }
    }
    if (before != nullptr) before->Forget(mailbox.id);
  }
  co_return absl::OkStatus();
}

bool DomainQuotas::walking() const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [name, domain] : domains_) {
    if (domain.usage != nullptr && !domain.usage->complete()) return true;
  }
  return false;
}

Task<absl::Status> DomainQuotas::Walk(size_t accounts) {
  AsyncMutex::Guard turn = co_await walk_turn_.Lock();
  for (size_t looked_at = 0; looked_at < accounts;) {
    std::string name;
    std::shared_ptr<Usage> usage;
    SlicePlace place;
    {
      absl::MutexLock lock(&mutex_);
      for (const auto& [domain_name, domain] : domains_) {
        if (domain.usage == nullptr || domain.usage->complete()) continue;
        name = domain_name;
        usage = domain.usage;
        place = domain.walked_to;
        break;
      }
    }
    if (usage == nullptr) co_return absl::OkStatus();

    const auto page = co_await addresses_->List(static_cast<uint8_t>(place.slice), place.after,
                                                kAddressesInPage);
    if (!page.ok()) co_return page.status();
    for (const auto& [address, account] : page->mappings) {
      if (DomainOf(address) != name) continue;
      const absl::Status counted = co_await Count(account, usage, nullptr);
      // Deleted meanwhile, or damaged, which verify tells.
      if (!counted.ok() && absl::IsUnavailable(counted)) co_return counted;
    }
    looked_at += page->mappings.size() + 1;
    place.GoOn(page->end, page->mappings.empty() ? "" : page->mappings.back().first);
    if (place.AtEnd()) usage->SetComplete();
    absl::MutexLock lock(&mutex_);
    const auto found = domains_.find(name);
    if (found != domains_.end() && found->second.usage == usage) {
      found->second.walked_to = place;
    }
  }
  co_return absl::OkStatus();
}

}  // namespace restante::store
