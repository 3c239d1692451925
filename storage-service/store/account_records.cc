#include "storage-service/store/account_records.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/policies.h"
#include "storage-service/store/shard_calls.h"

namespace restante::store {
namespace {

constexpr char kRecordKey[] = "a";
constexpr char kMailboxes[] = "m/";
constexpr char kMailboxesEnd[] = "m0";  // '0' follows '/'
constexpr char kSubscriptions[] = "s/";
constexpr char kSubscriptionsEnd[] = "s0";
constexpr size_t kMostSubscriptions = 10'000;

engine::ShardId AccountShard(const AccountId& account) {
  return {engine::ShardId::Kind::kAccount, account};
}

absl::StatusOr<AccountRecords::NamedMailbox> DecodeMailbox(const AccountId& account,
                                                           absl::string_view name,
                                                           absl::string_view value) {
  format::MailboxEntry entry;
  if (entry.ParseFromString(std::string(value))) {
    if (const auto id = MailboxId::FromOctets(entry.mailbox_id())) {
      return AccountRecords::NamedMailbox{std::string(name), *id, entry.uidvalidity(),
                                          entry.special_use()};
    }
  }
  return CorruptRecord(
      absl::StrCat("the entry of mailbox '", name, "' of account ", account.ToHex()));
}

std::string EncodeMailbox(const AccountRecords::NamedMailbox& mailbox) {
  format::MailboxEntry entry;
  entry.set_mailbox_id(std::string(mailbox.id.AsOctets()));
  entry.set_uidvalidity(mailbox.uidvalidity);
  entry.set_special_use(mailbox.special_use);
  return entry.SerializeAsString();
}

}  // namespace

void ApplyTo(const AccountChange& change, format::AccountRecord* record) {
  if (change.disabled) record->set_disabled(*change.disabled);
  if (change.pop3_disabled) record->set_pop3_disabled(*change.pop3_disabled);
  if (change.imap_disabled) record->set_imap_disabled(*change.imap_disabled);
  if (change.quota_octets) record->set_quota_octets(*change.quota_octets);
  if (change.quota.octets) {
    record->clear_quota_octets();
    if (*change.quota.octets) record->set_quota_octets(**change.quota.octets);
  }
  if (change.quota.messages) {
    record->clear_quota_messages();
    if (*change.quota.messages) record->set_quota_messages(**change.quota.messages);
  }
  if (change.filing_rules) {
    record->clear_filing_rules();
    if (*change.filing_rules) ToRecord(**change.filing_rules, record->mutable_filing_rules());
  }
}

Task<absl::StatusOr<format::AccountRecord>> AccountRecords::Read(AccountId account) {
  const auto value = co_await GetKey(engine_, AccountShard(account), kRecordKey);
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) {
    co_return MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT,
                        absl::StrCat("there is no account with id ", account.ToHex()));
  }
  format::AccountRecord record;
  if (!record.ParseFromString(**value)) {
    co_return CorruptRecord(absl::StrCat("the record of account ", account.ToHex()));
  }
  co_return record;
}

Task<absl::StatusOr<AccountRecords::Loaded>> AccountRecords::Load(AccountId account) {
  const auto record = co_await Read(account);
  if (!record.ok()) co_return record.status();
  const auto value =
      co_await GetKey(engine_, AccountShard(account), absl::StrCat(kMailboxes, kInbox));
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) {
    co_return MakeError(v1::ERROR_REASON_CORRUPT,
                        absl::StrCat("account ", account.ToHex(), " has no INBOX"));
  }
  const auto inbox = DecodeMailbox(account, kInbox, **value);
  if (!inbox.ok()) co_return inbox.status();
  const auto subscribed = co_await IsSubscribed(account, kInbox);
  if (!subscribed.ok()) co_return subscribed.status();

  auto entry = std::make_shared<AccountEntry>();
  entry->id = account;
  entry->address = record->address();
  entry->disabled = record->disabled();
  if (record->has_quota_octets()) entry->quota.octets = record->quota_octets();
  if (record->has_quota_messages()) entry->quota.messages = record->quota_messages();
  entry->pop3_disabled = record->pop3_disabled();
  entry->imap_disabled = record->imap_disabled();
  entry->password_hash = record->password_hash();
  entry->generation = record->generation();
  entry->inbox = inbox->id;
  entry->inbox_uidvalidity = inbox->uidvalidity;
  entry->inbox_subscribed = *subscribed;
  entry->created = absl::FromUnixMicros(record->created_us());
  entry->domain = DomainOf(record->normalized_address());
  entry->own_policy = FromRecord(record->pop3_policy());
  if (record->has_filing_rules()) {
    entry->own_filing = std::make_shared<const FilingRules>(FromRecord(record->filing_rules()));
  }
  co_return Loaded{std::move(entry), record->normalized_address()};
}

Task<absl::Status> AccountRecords::Create(AccountId account, format::AccountRecord record,
                                          MailboxId inbox, uint32_t inbox_uidvalidity) {
  format::MailboxEntry mailbox;
  mailbox.set_mailbox_id(std::string(inbox.AsOctets()));
  mailbox.set_uidvalidity(inbox_uidvalidity);
  engine::CommitRequest request{AccountShard(account), 0};
  request.puts.emplace_back(kRecordKey, record.SerializeAsString());
  request.puts.emplace_back(absl::StrCat(kMailboxes, kInbox), mailbox.SerializeAsString());
  const auto committed = co_await CommitShard(engine_, std::move(request));
  if (absl::IsAborted(committed.status())) {
    co_return absl::AlreadyExistsError(
        absl::StrCat("there is an account with id ", account.ToHex()));
  }
  co_return committed.status();
}

Task<absl::Status> AccountRecords::Change(AccountId account,
                                          std::function<void(format::AccountRecord*)> change) {
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, AccountShard(account));
    if (!version.ok()) co_return version.status();
    auto record = co_await Read(account);
    if (!record.ok()) co_return record.status();
    change(&*record);
    record->set_generation(record->generation() + 1);
    engine::CommitRequest request{AccountShard(account), *version};
    request.puts.emplace_back(kRecordKey, record->SerializeAsString());
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (committed.ok()) co_return absl::OkStatus();
    if (!absl::IsAborted(committed.status())) co_return committed.status();
  }
  co_return TooMuchContention();
}

Task<absl::Status> AccountRecords::SetAddress(AccountId account, std::string address,
                                              std::string normalized_address) {
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, AccountShard(account));
    if (!version.ok()) co_return version.status();
    auto record = co_await Read(account);
    if (!record.ok()) co_return record.status();
    record->set_address(address);
    record->set_normalized_address(normalized_address);
    engine::CommitRequest request{AccountShard(account), *version};
    request.puts.emplace_back(kRecordKey, record->SerializeAsString());
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (!absl::IsAborted(committed.status())) co_return committed.status();
  }
  co_return TooMuchContention();
}

Task<absl::StatusOr<std::optional<AccountRecords::NamedMailbox>>> AccountRecords::FindMailbox(
    AccountId account, std::string name) {
  const auto value =
      co_await GetKey(engine_, AccountShard(account), absl::StrCat(kMailboxes, name));
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) co_return std::optional<NamedMailbox>();
  auto mailbox = DecodeMailbox(account, name, **value);
  if (!mailbox.ok()) co_return mailbox.status();
  co_return std::optional<NamedMailbox>(*std::move(mailbox));
}

Task<absl::Status> AccountRecords::AddMailbox(AccountId account, NamedMailbox mailbox) {
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, AccountShard(account));
    if (!version.ok()) co_return version.status();
    auto record = co_await Read(account);
    if (!record.ok()) co_return record.status();
    const auto there = co_await FindMailbox(account, mailbox.name);
    if (!there.ok()) co_return there.status();
    if (there->has_value() || record->next_uidvalidity() > mailbox.uidvalidity) {
      co_return absl::AlreadyExistsError(
          absl::StrCat("a mailbox was added to account ", account.ToHex(), " meanwhile"));
    }
    // Not of its generation: what was proved to be the account's still is.
    record->set_next_uidvalidity(mailbox.uidvalidity + 1);
    engine::CommitRequest request{AccountShard(account), *version};
    request.puts.emplace_back(kRecordKey, record->SerializeAsString());
    request.puts.emplace_back(absl::StrCat(kMailboxes, mailbox.name), EncodeMailbox(mailbox));
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (!absl::IsAborted(committed.status())) co_return committed.status();
  }
  co_return TooMuchContention();
}

Task<absl::Status> AccountRecords::SetUidvalidity(AccountId account, NamedMailbox mailbox) {
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, AccountShard(account));
    if (!version.ok()) co_return version.status();
    auto record = co_await Read(account);
    if (!record.ok()) co_return record.status();
    const auto there = co_await FindMailbox(account, mailbox.name);
    if (!there.ok()) co_return there.status();
    if (!there->has_value() || (*there)->id != mailbox.id) co_return absl::OkStatus();
    record->set_next_uidvalidity(std::max(record->next_uidvalidity(), mailbox.uidvalidity + 1));
    engine::CommitRequest request{AccountShard(account), *version};
    request.puts.emplace_back(kRecordKey, record->SerializeAsString());
    request.puts.emplace_back(absl::StrCat(kMailboxes, mailbox.name), EncodeMailbox(mailbox));
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (!absl::IsAborted(committed.status())) co_return committed.status();
  }
  co_return TooMuchContention();
}

Task<absl::StatusOr<uint32_t>> AccountRecords::NextUidvalidity(AccountId account) {
  const auto record = co_await Read(account);
  if (!record.ok()) co_return record.status();
  co_return record->next_uidvalidity();
}

Task<absl::StatusOr<std::vector<AccountRecords::NamedMailbox>>> AccountRecords::Mailboxes(
    AccountId account) {
  std::vector<NamedMailbox> mailboxes;
  engine::ScanRequest request;
  request.shard = AccountShard(account);
  request.begin = kMailboxes;
  request.end = kMailboxesEnd;
  for (;;) {
    const auto page = co_await ScanKeys(engine_, request);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      auto mailbox = DecodeMailbox(account, key.substr(sizeof(kMailboxes) - 1), value);
      if (!mailbox.ok()) co_return mailbox.status();
      mailboxes.push_back(*std::move(mailbox));
    }
    if (page->next.empty()) co_return mailboxes;
    request.begin = page->next;
  }
}

Task<absl::Status> AccountRecords::EditMailboxes(AccountId account, Edit edit) {
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, AccountShard(account));
    if (!version.ok()) co_return version.status();
    const auto there = co_await Mailboxes(account);
    if (!there.ok()) co_return there.status();
    std::map<std::string, std::string> before;
    std::map<std::string, NamedMailbox> mailboxes;
    for (const NamedMailbox& mailbox : *there) {
      before.emplace(mailbox.name, EncodeMailbox(mailbox));
      mailboxes.emplace(mailbox.name, mailbox);
    }
    absl::Status edited = edit(mailboxes);
    if (!edited.ok()) co_return edited;
    engine::CommitRequest request{AccountShard(account), *version};
    for (const auto& [name, mailbox] : mailboxes) {
      std::string value = EncodeMailbox(mailbox);
      const auto known = before.find(name);
      if (known != before.end() && known->second == value) continue;
      request.puts.emplace_back(absl::StrCat(kMailboxes, name), std::move(value));
    }
    for (const auto& [name, value] : before) {
      if (!mailboxes.contains(name)) request.deletes.push_back(absl::StrCat(kMailboxes, name));
    }
    if (request.puts.empty() && request.deletes.empty()) co_return absl::OkStatus();
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (!absl::IsAborted(committed.status())) co_return committed.status();
  }
  co_return TooMuchContention();
}

Task<absl::StatusOr<std::vector<std::string>>> AccountRecords::Subscriptions(
    AccountId account) {
  std::vector<std::string> names;
  engine::ScanRequest request;
  request.shard = AccountShard(account);
  request.begin = kSubscriptions;
  request.end = kSubscriptionsEnd;
  for (;;) {
    const auto page = co_await ScanKeys(engine_, request);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      names.emplace_back(key.substr(sizeof(kSubscriptions) - 1));
    }
    if (page->next.empty()) co_return names;
    request.begin = page->next;
  }
}

Task<absl::StatusOr<bool>> AccountRecords::IsSubscribed(AccountId account, std::string name) {
  const auto value =
      co_await GetKey(engine_, AccountShard(account), absl::StrCat(kSubscriptions, name));
  if (!value.ok()) co_return value.status();
  co_return value->has_value();
}

Task<absl::Status> AccountRecords::SetSubscribed(AccountId account, std::string name,
                                                 bool subscribed) {
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, AccountShard(account));
    if (!version.ok()) co_return version.status();
    const auto names = co_await Subscriptions(account);
    if (!names.ok()) co_return names.status();
    const bool there = std::find(names->begin(), names->end(), name) != names->end();
    if (there == subscribed) co_return absl::OkStatus();
    engine::CommitRequest request{AccountShard(account), *version};
    if (!subscribed) {
      request.deletes.push_back(absl::StrCat(kSubscriptions, name));
    } else if (names->size() < kMostSubscriptions) {
      request.puts.emplace_back(absl::StrCat(kSubscriptions, name), std::string());
    } else {
      co_return MakeError(
          v1::ERROR_REASON_INVALID_REQUEST,
          absl::StrCat("an account has at most ", kMostSubscriptions, " subscriptions"));
    }
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (!absl::IsAborted(committed.status())) co_return committed.status();
  }
  co_return TooMuchContention();
}

Task<absl::Status> AccountRecords::Erase(AccountId account) {
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, AccountShard(account));
    if (!version.ok()) co_return version.status();
    if (*version == 0) co_return absl::OkStatus();
    engine::CommitRequest request{AccountShard(account), *version};
    request.erase_shard = true;
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (committed.ok()) co_return absl::OkStatus();
    if (!absl::IsAborted(committed.status())) co_return committed.status();
  }
  co_return TooMuchContention();
}

Task<absl::StatusOr<std::vector<AccountId>>> AccountRecords::List(AccountId after,
                                                                  size_t limit) {
  auto ids = co_await ShardIds(engine_, engine::ShardId::Kind::kAccount, after, limit);
  co_return ids;
}

}  // namespace restante::store
