#include "storage-service/store/account_restore.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/mailbox_names.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/row_addition.h"
#include "storage-service/store/undelete.h"

namespace restante::store {
namespace {

// One commit brings back so many messages.
constexpr size_t kRowsAtOnce = 128;

}  // namespace

Task<absl::StatusOr<RestoreSummary>> AccountRestore::Run(std::string address,
                                                         std::string mailbox) {
  absl::StatusOr<AccountRecords::Loaded> there = co_await FindInBackup(std::move(address));
  if (!there.ok()) co_return there.status();
  absl::StatusOr<std::vector<Named>> named = co_await records_.Mailboxes(there->entry->id);
  if (!named.ok()) co_return named.status();
  if (!mailbox.empty()) {
    const std::string wanted = CanonicalMailboxName(mailbox);
    std::erase_if(*named, [&wanted](const Named& one) { return one.name != wanted; });
    if (named->empty()) {
      co_return MakeError(v1::ERROR_REASON_NO_SUCH_MAILBOX,
                          absl::StrCat("the backup has no mailbox ", mailbox));
    }
  }
  RestoreSummary summary;
  const AccountId id = there->entry->id;
  absl::StatusOr<Directory::Entry> account =
      co_await FindOrMakeAccount(*std::move(there), &summary.account_made);
  if (!account.ok()) co_return account.status();
  for (const Named& from : *named) {
    absl::StatusOr<RestoredMailbox> restored = co_await RestoreMailbox(*account, from);
    if (!restored.ok()) co_return restored.status();
    summary.mailboxes.push_back(*std::move(restored));
  }
  if (summary.account_made) {
    absl::Status names = co_await RestoreNames(*account, id, *std::move(named));
    if (!names.ok()) co_return names;
  }
  co_return summary;
}

Task<absl::StatusOr<AccountRecords::Loaded>> AccountRestore::FindInBackup(std::string address) {
  const absl::StatusOr<std::string> normalized = NormalizeAddress(address);
  if (!normalized.ok()) co_return normalized.status();
  RecipientChanges changes;  // there are none in a backup
  AddressMap addresses(backup_, &changes);
  const auto account = co_await addresses.Lookup(*normalized);
  if (!account.ok()) co_return account.status();
  if (!account->has_value()) {
    co_return MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT,
                        absl::StrCat("the backup has no account ", address));
  }
  absl::StatusOr<AccountRecords::Loaded> loaded = co_await records_.Load(**account);
  co_return loaded;
}

Task<absl::StatusOr<Directory::Entry>> AccountRestore::FindOrMakeAccount(
    AccountRecords::Loaded there, bool* made) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(there.entry->address);
  if (account.ok() || !IsNoSuchAccount(account.status())) co_return account;
  NewAccount fresh;
  fresh.address = there.entry->address;
  fresh.credential = CryptHash{there.entry->password_hash};
  const absl::StatusOr<AccountInfo> created = co_await directory_->Create(std::move(fresh));
  if (!created.ok()) co_return created.status();
  *made = true;
  const std::string address = there.entry->address;
  absl::Status settings = co_await RestoreSettings(std::move(there));
  if (!settings.ok()) {
    // Not an account that may do more than it could: the next attempt begins anew.
    const absl::Status deleted = co_await directory_->Delete(address);
    static_cast<void>(deleted);
    co_return settings;
  }
  account = co_await directory_->Find(address);
  co_return account;
}

Task<absl::Status> AccountRestore::RestoreSettings(AccountRecords::Loaded there) {
  const AccountEntry& old = *there.entry;
  AccountChange change;
  change.disabled = old.disabled;
  change.pop3_disabled = old.pop3_disabled;
  change.imap_disabled = old.imap_disabled;
  change.quota = {old.quota.octets, old.quota.messages};
  if (old.own_filing != nullptr) change.filing_rules.emplace(*old.own_filing);
  if (old.own_policy != Pop3Policy()) {
    change.pop3_policy = Pop3PolicyChange{old.own_policy, true, true, true, true, true};
  }
  const absl::StatusOr<AccountInfo> changed =
      co_await directory_->Update(old.address, std::move(change));
  co_return changed.status();
}

Task<absl::Status> AccountRestore::RestoreNames(Directory::Entry account, AccountId there,
                                                std::vector<Named> mailboxes) {
  for (const Named& mailbox : mailboxes) {
    if (mailbox.special_use == 0 || mailbox.name == kInbox) continue;
    absl::Status set =
        co_await directory_->SetSpecialUse(account, mailbox.name, mailbox.special_use);
    if (!set.ok()) co_return set;
  }
  absl::StatusOr<std::vector<std::string>> names = co_await records_.Subscriptions(there);
  if (!names.ok()) co_return names.status();
  for (std::string& name : *names) {
    absl::Status set = co_await directory_->SetSubscribed(account, std::move(name), true);
    if (!set.ok()) co_return set;
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<RestoredMailbox>> AccountRestore::RestoreMailbox(Directory::Entry account,
                                                                     Named from) {
  RestoredMailbox restored;
  restored.name = from.name;
  absl::StatusOr<std::optional<Head>> head = co_await ReadHead(backup_, from.id);
  if (!head.ok()) co_return head.status();
  if (!head->has_value() || (*head)->erasing) co_return restored;

  MailboxId to = account->inbox;
  if (from.name != kInbox) {
    const absl::StatusOr<MailboxId> made =
        co_await directory_->FindOrMakeMailbox(account->id, from.name);
    if (!made.ok()) co_return made.status();
    to = *made;
  }
  absl::StatusOr<std::shared_ptr<Mailbox>> state = co_await mailboxes_->Find(to);
  if (!state.ok()) co_return state.status();
  const uint32_t uidvalidity = (*state)->durable().uidvalidity;
  absl::Status read = co_await ReadWhatIsThere(to);
  if (!read.ok()) co_return read;

  uint32_t next = 1;
  while (next != 0) {
    absl::StatusOr<RowScan> page =
        co_await ScanRows(backup_, from.id, next, UINT32_MAX, kRowsAtOnce);
    if (!page.ok()) co_return page.status();
    next = page->next_uid;
    Rows missing;
    for (auto& [uid, row] : page->rows) {
      if (guids_.contains(row.guid)) {
        ++restored.present;
      } else {
        missing.emplace_back(uid, std::move(row));
      }
    }
    absl::Status done = co_await Undelete(*state, &missing, &restored);
    if (done.ok()) done = co_await RestoreRows(*state, std::move(missing), &restored);
    if (!done.ok()) co_return done;
  }
  from.id = to;
  from.uidvalidity = uidvalidity;
  if (restored.restored > 0) {
    absl::Status renewed = co_await RenewUidvalidity(account->id, std::move(from), *state);
    if (!renewed.ok()) co_return renewed;
  }
  restored.uidvalidity = (*state)->durable().uidvalidity;
  co_return restored;
}

Task<absl::Status> AccountRestore::ReadWhatIsThere(MailboxId mailbox) {
  guids_.clear();
  uidls_.clear();
  expunged_.clear();
  uint32_t next = 1;
  while (next != 0) {
    absl::StatusOr<RowScan> page =
        co_await ScanRows(engine_, mailbox, next, UINT32_MAX, kPageRows);
    if (!page.ok()) co_return page.status();
    for (const auto& [uid, row] : page->rows) {
      guids_.insert(row.guid);
      uidls_.insert(row.Uidl());
    }
    next = page->next_uid;
  }
  // A UIDL that could come back by an undeletion is taken too.
  absl::StatusOr<std::vector<LeftRow>> left =
      co_await ScanLeft(engine_, mailbox, kExpungedPrefix, 0);
  if (!left.ok()) co_return left.status();
  for (const LeftRow& row : *left) {
    uidls_.insert(row.record.row.Uidl());
    expunged_[row.record.row.guid] = row.uid;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> AccountRestore::Undelete(std::shared_ptr<Mailbox> to, Rows* rows,
                                            RestoredMailbox* restored) {
  Rows others;
  std::vector<uint32_t> uids;
  for (auto& row : *rows) {
    const auto expunged = expunged_.find(row.second.guid);
    if (expunged == expunged_.end()) {
      others.push_back(std::move(row));
      continue;
    }
    uids.push_back(expunged->second);
    guids_.insert(row.second.guid);
  }
  *rows = std::move(others);
  if (uids.empty()) co_return absl::OkStatus();
  absl::StatusOr<std::vector<UndeletedMessage>> back =
      co_await UndeleteRows(engine_, &mailboxes_->bodies(), QuotaClaim(), std::move(to),
                            std::move(uids), clock_->Now(), absl::InfinitePast());
  if (back.ok()) restored->restored += back->size();
  co_return back.status();
}

Task<absl::Status> AccountRestore::RestoreRows(std::shared_ptr<Mailbox> to, Rows rows,
                                               RestoredMailbox* restored) {
  const absl::Time now = clock_->Now();
  std::vector<StoredRow> ready;
  std::vector<Bodies::Hold> holds;
  for (auto& [uid, old] : rows) {
    StoredRow row = old.AsNew(now);
    row.own_uidl = old.own_uidl;
    row.hidden_modseq = 0;
    const engine::BodyId fresh = Id128::Random();
    holds.emplace_back(&mailboxes_->bodies(), fresh);
    absl::Status copied = co_await CopyBody(&old, fresh);
    if (ReasonOf(copied) == v1::ERROR_REASON_CORRUPT) {
      LogError("store", "MessageNotRestored", {{"uid", uid}, {"error", copied}});
      restored->unreadable.push_back(uid);
      continue;
    }
    if (!copied.ok()) {
      for (const StoredRow& given_up : ready) pending_->Doubt(given_up.body);
      co_return copied;
    }
    row.body = fresh;
    while (!uidls_.insert(row.Uidl()).second) {
      row.own_uidl = DerivedUidl(Guid::Random());
      ++restored->uidls_replaced;
    }
    guids_.insert(row.guid);
    ready.push_back(std::move(row));
  }
  if (ready.empty()) co_return absl::OkStatus();
  Mailbox::Plan plan = [&ready](Head& head, Change& change) -> absl::Status {
    if (UINT32_MAX - head.uid_next < ready.size()) {
      return MakeError(v1::ERROR_REASON_STORE_FULL, "the mailbox has used up its UIDs");
    }
    RowTotals totals;
    for (const StoredRow& row : ready) totals.Add(row);
    totals.AddNewTo(head, head.uid_next);
    const uint64_t modseq = ++head.highest_modseq;
    for (StoredRow& row : ready) {
      const uint32_t uid = head.uid_next++;
      row.modseq = modseq;
      AddRow(row, uid, change);
    }
    return absl::OkStatus();
  };
  CommitResult result = co_await to->Commit(std::move(plan));
  for (const StoredRow& row : ready) {
    if (result.status.ok()) {
      pending_->Remove(row.body);
    } else {
      pending_->Doubt(row.body);
    }
  }
  if (result.status.ok()) restored->restored += ready.size();
  co_return result.status;
}

Task<absl::Status> AccountRestore::CopyBody(const StoredRow* row, engine::BodyId to) {
  // Should this be cut short, the next opening looks into it.
  absl::Status listed = co_await pending_->Add(to);
  if (!listed.ok()) co_return listed;
  absl::Status failure;
  uint32_t chunk = 0;
  for (uint64_t offset = 0; failure.ok() && offset < row->body_octets();
       offset += engine::Engine::kChunkOctets) {
    const uint64_t length =
        std::min<uint64_t>(engine::Engine::kChunkOctets, row->body_octets() - offset);
    absl::StatusOr<std::string> data = co_await Await<absl::StatusOr<std::string>>(
        [&](auto done) { backup_->ReadBody(row->body, offset, length, std::move(done)); });
    if (absl::IsNotFound(data.status()) || (data.ok() && data->size() != length)) {
      failure = MakeError(v1::ERROR_REASON_CORRUPT,
                          absl::StrCat("body ", row->body.ToHex(), " isn't whole"));
    } else if (!data.ok()) {
      failure = data.status();
    } else {
      failure = co_await Await<absl::Status>([&](Done<absl::Status> done) {
        engine_->PutChunk(to, chunk, *std::move(data), std::move(done));
      });
      ++chunk;
    }
  }
  if (!failure.ok()) {
    engine_->EraseBody(to, [](absl::Status) {});
    pending_->Remove(to);
  }
  co_return failure;
}

Task<absl::Status> AccountRestore::RenewUidvalidity(AccountId account, Named mailbox,
                                                    std::shared_ptr<Mailbox> state) {
  const absl::StatusOr<uint32_t> fresh = co_await directory_->NewUidvalidity(account);
  if (!fresh.ok()) co_return fresh.status();
  const uint32_t least = *fresh;
  Mailbox::Plan plan = [least](Head& head, Change&) {
    head.uidvalidity = std::max(head.uidvalidity + 1, least);
    ++head.highest_modseq;  // so that followers look
    return absl::OkStatus();
  };
  CommitResult result = co_await state->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  Directory::NamedMailbox named{std::move(mailbox.name), mailbox.id,
                                state->durable().uidvalidity, mailbox.special_use};
  absl::Status set = co_await directory_->SetUidvalidity(account, std::move(named));
  co_return set;
}

}  // namespace restante::store
