#include "storage-service/store/retention.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/low_uid.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/policies.h"
#include "storage-service/store/row_changes.h"
#include "storage-service/store/uid_runs.h"

namespace restante::store {
namespace {

// Accounts looked at in one turn, and messages expunged in one commit.
constexpr size_t kAccountsAtATurn = 256;
constexpr size_t kExpiryBatch = 512;

using DueRows = std::map<uint32_t, StoredRow>;

// Rows that came into the mailbox before `limit`, from the first one on.
Task<absl::Status> CollectArrived(engine::Engine* engine, MailboxId mailbox, Head head,
                                  absl::Time limit, size_t most, DueRows* due) {
  uint32_t next = head.low_uid;
  while (next != 0 && due->size() < most) {
    absl::StatusOr<RowScan> scan =
        co_await ScanRows(engine, mailbox, next, head.uid_next, most - due->size());
    if (!scan.ok()) co_return scan.status();
    for (auto& [uid, row] : scan->rows) {
      if (row.save_date > limit) co_return absl::OkStatus();
      due->emplace(uid, std::move(row));
    }
    next = scan->next_uid;
  }
  co_return absl::OkStatus();
}

// Rows that were retrieved before `limit`, the first ones first.
Task<absl::Status> CollectRetrieved(engine::Engine* engine, MailboxId mailbox, absl::Time limit,
                                    size_t most, DueRows* due) {
  std::string begin(1, kRetrievedPrefix);
  const std::string end = RetrievedKey(limit, UINT32_MAX);
  while (!begin.empty() && due->size() < most) {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine, mailbox, begin, end, most);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      if (due->size() == most) break;
      absl::StatusOr<TimeAndUid> place = ParseRetrievedKey(key);
      if (!place.ok()) co_return place.status();
      if (due->contains(place->uid)) continue;
      absl::StatusOr<std::optional<StoredRow>> row =
          co_await ReadRow(engine, mailbox, place->uid);
      if (!row.ok()) co_return row.status();
      if (row->has_value()) due->emplace(place->uid, **std::move(row));
    }
    begin = std::move(page->next);
  }
  co_return absl::OkStatus();
}

Task<absl::Status> CollectDue(engine::Engine* engine, MailboxId mailbox, Head head,
                              Pop3Policy policy, absl::Time now, size_t most, DueRows* due) {
  absl::Status status;
  if (policy.ArrivedExpiry() > absl::ZeroDuration()) {
    status =
        co_await CollectArrived(engine, mailbox, head, now - policy.ArrivedExpiry(), most, due);
  }
  if (status.ok() && policy.RetrievedExpiry() > absl::ZeroDuration()) {
    status =
        co_await CollectRetrieved(engine, mailbox, now - policy.RetrievedExpiry(), most, due);
  }
  co_return status;
}

bool IsGone(const absl::Status& status) {
  return IsNoSuchAccount(status) || IsNoSuchMailbox(status);
}

}  // namespace

Retention::Retention(engine::Engine* engine, MailboxTable* mailboxes, Directory* directory,
                     const Clock* clock, absl::Duration interval,
                     std::function<void(MailboxId)> expunged)
    : engine_(engine),
      mailboxes_(mailboxes),
      directory_(directory),
      clock_(clock),
      interval_(interval),
      expunged_(std::move(expunged)) {}

bool Retention::Begin() {
  absl::MutexLock lock(&mutex_);
  if (stopping()) return false;
  ++working_;
  return true;
}

void Retention::End() {
  absl::MutexLock lock(&mutex_);
  --working_;
}

void Retention::Stop() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
  const auto idle = [this] {
    mutex_.AssertReaderHeld();
    return working_ == 0;
  };
  mutex_.Await(absl::Condition(&idle));
}

Task<absl::StatusOr<uint64_t>> Retention::Run() {
  if (!Begin()) co_return absl::CancelledError("the store is shutting down");
  uint64_t expunged = 0;
  absl::Status failure;
  absl::StatusOr<bool> more = false;
  {
    AsyncMutex::Guard guard = co_await turn_.Lock();
    in_round_ = false;
    do {
      more = co_await Turn(&expunged, &failure);
    } while (more.ok() && *more && !stopping());
    NoteTurn(expunged, !more.ok() || !failure.ok());
  }
  End();
  if (!more.ok()) co_return more.status();
  if (!failure.ok()) co_return failure;
  co_return expunged;
}

void Retention::NoteTurn(uint64_t expunged, bool failed) {
  absl::MutexLock lock(&mutex_);
  ++counters_.turns;
  counters_.failed_turns += failed ? 1 : 0;
  counters_.messages += expunged;
  counters_.last = absl::Now();
}

std::map<std::string, double> Retention::Stats() const {
  absl::MutexLock lock(&mutex_);
  return {
      {"expiry_failures_total", static_cast<double>(counters_.failed_turns)},
      {"expiry_last_unix_seconds", absl::ToDoubleSeconds(counters_.last - absl::UnixEpoch())},
      {"expiry_messages_total", static_cast<double>(counters_.messages)},
      {"expiry_turns_total", static_cast<double>(counters_.turns)},
  };
}

void Retention::RunInBackground() {
  const absl::Time now = clock_->Now();
  {
    absl::MutexLock lock(&mutex_);
    if (in_background_ || stopping()) return;
    if (!round_under_way_ && (now < next_round_ || !directory_->policies().AnyExpiry())) return;
    if (!round_under_way_) next_round_ = now + interval_;
    in_background_ = true;
    ++working_;
  }
  auto turn = [](Retention* self) -> Task<absl::StatusOr<bool>> {
    AsyncMutex::Guard guard = co_await self->turn_.Lock();
    uint64_t expunged = 0;
    absl::Status failure;
    absl::StatusOr<bool> more = co_await self->Turn(&expunged, &failure);
    self->NoteTurn(expunged, !more.ok() || !failure.ok());
    if (!failure.ok()) LogWarning("store", "ExpiryFailed", {{"error", failure}});
    if (expunged > 0) {
      LogInfo("store", "Expired", {{"messages", absl::StrCat(expunged)}});
    }
    co_return more;
  };
  Spawn<absl::StatusOr<bool>>(turn(this), [this](absl::StatusOr<bool> more) {
    if (!more.ok() && !absl::IsCancelled(more.status())) {
      LogWarning("store", "ExpiryFailed", {{"error", more.status()}});
    }
    absl::MutexLock lock(&mutex_);
    round_under_way_ = more.ok() && *more;
    in_background_ = false;
    --working_;
  });
}

Task<absl::StatusOr<bool>> Retention::Turn(uint64_t* expunged, absl::Status* failure) {
  Policies& policies = directory_->policies();
  if (!in_round_) {
    if (!policies.AnyExpiry()) co_return false;
    in_round_ = true;
    all_accounts_ = policies.AnyInheritedExpiry();
    done_to_ = AccountId();
  }
  absl::StatusOr<std::vector<AccountId>> accounts = std::vector<AccountId>();
  if (all_accounts_) {
    accounts = co_await directory_->ListAccountIds(done_to_, kAccountsAtATurn);
  } else {
    accounts = co_await policies.WithOwnPolicy(done_to_, kAccountsAtATurn);
  }
  if (!accounts.ok()) {
    in_round_ = false;
    co_return accounts.status();
  }
  for (const AccountId& account : *accounts) {
    if (stopping()) co_return absl::CancelledError("the store is shutting down");
    done_to_ = account;
    absl::Status expired = co_await ExpireAccount(account, expunged);
    if (!expired.ok() && !IsGone(expired)) *failure = expired;
  }
  in_round_ = accounts->size() == kAccountsAtATurn;
  co_return in_round_;
}

Task<absl::Status> Retention::ExpireAccount(AccountId account, uint64_t* expunged) {
  absl::StatusOr<Directory::Entry> entry = co_await directory_->Peek(account);
  if (!entry.ok()) co_return entry.status();
  Pop3Policy policy = directory_->EffectivePolicy(**entry);
  if (!policy.expires()) co_return absl::OkStatus();
  const MailboxId inbox = (*entry)->inbox;
  absl::Status expired = co_await ExpireMailbox(inbox, std::move(policy), expunged);
  co_return expired;
}

Task<absl::Status> Retention::ExpireMailbox(MailboxId mailbox, Pop3Policy policy,
                                            uint64_t* expunged) {
  absl::StatusOr<std::optional<Head>> head = co_await ReadHead(engine_, mailbox);
  if (!head.ok()) co_return head.status();
  if (!head->has_value() || (*head)->erasing || (*head)->message_count == 0) {
    co_return absl::OkStatus();
  }
  DueRows due;
  absl::Status looked =
      co_await CollectDue(engine_, mailbox, **head, policy, clock_->Now(), 1, &due);
  if (!looked.ok() || due.empty()) co_return looked;

  absl::StatusOr<std::shared_ptr<Mailbox>> found = co_await mailboxes_->Find(mailbox);
  if (!found.ok()) co_return found.status();
  while (!stopping()) {
    absl::StatusOr<uint64_t> gone = co_await ExpireBatch(*found, policy);
    // After a failure rows may be expunged all the same.
    expunged_(mailbox);
    if (!gone.ok()) co_return gone.status();
    *expunged += *gone;
    if (*gone < kExpiryBatch) break;
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<uint64_t>> Retention::ExpireBatch(std::shared_ptr<Mailbox> mailbox,
                                                      Pop3Policy policy) {
  AsyncMutex::Guard guard = co_await mailbox->changes().Lock();
  absl::Status loaded = co_await mailbox->Load();
  if (!loaded.ok()) co_return loaded;
  const Head head = mailbox->durable();
  const absl::Time now = clock_->Now();
  DueRows due;
  absl::Status collected = co_await CollectDue(engine_, mailbox->id(), head, std::move(policy),
                                               now, kExpiryBatch, &due);
  if (!collected.ok()) co_return collected;
  if (due.empty()) co_return 0;
  RowChanges changes;
  for (auto& [uid, row] : due) changes.Expunge(uid, std::move(row), now);
  const uint64_t count = changes.uids().size();
  absl::StatusOr<LowUids> low =
      co_await LowestWithout(engine_, mailbox->id(), head, RunsOf(changes.uids()), false);
  if (!low.ok()) co_return low.status();
  Mailbox::Plan plan = [changes = std::move(changes), low = *low](
                           Head& next, Change& change) mutable -> absl::Status {
    changes.Apply(next, change);
    low.RaiseIn(next);
    return absl::OkStatus();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  co_return count;
}

}  // namespace restante::store
