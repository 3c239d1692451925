#include "storage-service/store/reclaimer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/uidl_index.h"

namespace restante::store {
namespace {

// What one commit of the reclaimer moves at most.
constexpr size_t kReclaimBatch = 512;
constexpr size_t kMailboxesInPage = 1024;

}  // namespace

Reclaimer::Reclaimer(engine::Engine* engine, MailboxTable* mailboxes, PendingBodies* pending,
                     DeliveryIds* ids, Orphans* orphans, const Clock* clock,
                     const StoreOptions& options, IsNamed is_named)
    : engine_(engine),
      mailboxes_(mailboxes),
      pending_(pending),
      ids_(ids),
      orphans_(orphans),
      clock_(clock),
      expunged_grace_(options.expunged_grace),
      log_retention_{options.change_log_age, options.change_log_entries},
      is_named_(std::move(is_named)) {}

void Reclaimer::NoteExpunged(const MailboxId& mailbox) {
  LookAgain(mailbox, clock_->Now() + expunged_grace_);
}

void Reclaimer::LookAgain(const MailboxId& mailbox, absl::Time due) {
  absl::MutexLock lock(&mutex_);
  const auto [entry, added] = expunged_.try_emplace(mailbox, due);
  entry->second = std::min(entry->second, due);
}

void Reclaimer::NoteDeliveryId(const MailboxId& mailbox, absl::Time accepted) {
  absl::MutexLock lock(&mutex_);
  const auto [entry, added] = delivery_ids_.try_emplace(mailbox, accepted);
  entry->second = std::min(entry->second, accepted);
}

bool Reclaimer::BeginPass() {
  absl::MutexLock lock(&mutex_);
  if (stopping()) return false;
  ++passes_;
  return true;
}

void Reclaimer::EndPass() {
  absl::MutexLock lock(&mutex_);
  --passes_;
}

void Reclaimer::Stop() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
  auto idle = [this] {
    mutex_.AssertReaderHeld();
    return passes_ == 0;
  };
  mutex_.Await(absl::Condition(&idle));
}

Task<absl::StatusOr<uint64_t>> Reclaimer::Run() {
  if (!BeginPass()) co_return absl::CancelledError("the store is shutting down");
  absl::StatusOr<uint64_t> erased = absl::InternalError("");
  {
    AsyncMutex::Guard guard = co_await turn_.Lock();
    const absl::Time begin = absl::Now();
    erased = co_await Pass();
    NotePass(begin, erased);
  }
  EndPass();
  co_return erased;
}

void Reclaimer::NotePass(absl::Time begin, const absl::StatusOr<uint64_t>& erased) {
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  {
    absl::MutexLock lock(&mutex_);
    ++counters_.passes;
    counters_.seconds += seconds;
    counters_.last = absl::Now();
    if (erased.ok()) {
      counters_.bodies += *erased;
    } else {
      ++counters_.failed_passes;
    }
  }
  if (!erased.ok() || *erased == 0) return;
  LogInfo("store", "Reclaimed", {{"bodies", *erased}, {"seconds", absl::StrCat(seconds)}});
}

std::map<std::string, double> Reclaimer::Stats() const {
  absl::MutexLock lock(&mutex_);
  return {
      {"reclaim_bodies_total", static_cast<double>(counters_.bodies)},
      {"reclaim_change_log_entries_total", static_cast<double>(counters_.log_entries)},
      {"reclaim_failures_total", static_cast<double>(counters_.failed_passes)},
      {"reclaim_last_unix_seconds", absl::ToDoubleSeconds(counters_.last - absl::UnixEpoch())},
      {"reclaim_passes_total", static_cast<double>(counters_.passes)},
      {"reclaim_seconds_total", counters_.seconds},
      {"reclaim_waiting_delivery_ids", static_cast<double>(delivery_ids_.size())},
      {"reclaim_waiting_mailboxes", static_cast<double>(expunged_.size())},
  };
}

void Reclaimer::RunInBackground() {
  {
    absl::MutexLock lock(&mutex_);
    if (in_background_ || stopping()) return;
    in_background_ = true;
    ++passes_;
  }
  Spawn<absl::StatusOr<uint64_t>>(Run(), [this](absl::StatusOr<uint64_t> erased) {
    if (!erased.ok() && !absl::IsCancelled(erased.status())) {
      LogWarning("store", "ReclaimFailed", {{"error", erased.status()}});
    }
    absl::MutexLock lock(&mutex_);
    in_background_ = false;
    --passes_;
  });
}

Task<absl::StatusOr<uint64_t>> Reclaimer::Pass() {
  if (!walked_) {
    absl::Status walked = co_await WalkThroughMailboxes();
    if (!walked.ok()) co_return walked;
  }
  uint64_t erased = 0;
  std::vector<MailboxId> expunged;
  std::vector<MailboxId> with_old_ids;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = clock_->Now();
    for (auto entry = expunged_.begin(); entry != expunged_.end();) {
      if (entry->second > now) {
        ++entry;
        continue;
      }
      expunged.push_back(entry->first);
      expunged_.erase(entry++);
    }
    const absl::Time oldest = now - ids_->window();
    for (auto entry = delivery_ids_.begin(); entry != delivery_ids_.end();) {
      if (entry->second > oldest) {
        ++entry;
        continue;
      }
      with_old_ids.push_back(entry->first);
      delivery_ids_.erase(entry++);
    }
  }
  absl::Status failure;
  for (const MailboxId& mailbox : expunged) {
    absl::StatusOr<absl::Time> due = absl::InfinitePast();
    if (!stopping()) due = co_await ReclaimMailbox(mailbox, &erased);
    if (!due.ok()) failure = due.status();
    if (!due.ok() || *due < absl::InfiniteFuture()) {
      LookAgain(mailbox, due.ok() ? *due : absl::InfinitePast());
    }
  }
  for (const MailboxId& mailbox : with_old_ids) {
    if (stopping()) break;
    absl::Status forgotten = co_await ForgetDeliveryIds(mailbox);
    if (forgotten.ok()) continue;
    NoteDeliveryId(mailbox, absl::InfinitePast());
    failure = forgotten;
  }
  absl::StatusOr<uint64_t> doubtful = co_await LookIntoDoubtfulBodies();
  if (!doubtful.ok()) co_return doubtful.status();
  absl::StatusOr<uint64_t> orphans = co_await orphans_->LookOn();
  if (!orphans.ok()) co_return orphans.status();
  if (!failure.ok()) co_return failure;
  co_return erased + *doubtful + *orphans;
}

Task<absl::Status> Reclaimer::WalkThroughMailboxes() {
  using Page = absl::StatusOr<std::vector<Id128>>;
  while (true) {
    Page page = co_await Await<Page>([this](Done<Page> done) {
      engine_->ListShards(engine::ShardId::Kind::kMailbox, walked_to_, kMailboxesInPage,
                          std::move(done));
    });
    if (!page.ok()) co_return page.status();
    if (page->empty()) {
      walked_ = true;
      co_return absl::OkStatus();
    }
    for (const Id128& mailbox : *page) {
      if (stopping()) co_return absl::CancelledError("the store is shutting down");
      absl::StatusOr<std::optional<Head>> head = co_await ReadHead(engine_, mailbox);
      // One that is damaged is verify's to report, and holds up no other.
      if (!head.ok() && !absl::IsDataLoss(head.status())) co_return head.status();
      if (head.ok() && head->has_value()) {
        const Head& found = **head;
        const bool has_log = found.counted ? found.tombstone_count > 0
                                           : found.last_expunge_modseq > found.log_floor_modseq;
        if (found.erasing || found.deleting ||
            found.last_expunge_modseq > found.reclaimed_modseq || has_log) {
          LookAgain(mailbox, absl::InfinitePast());
        }
        absl::StatusOr<engine::ScanPage> ids =
            co_await ScanKeys(engine_, mailbox, std::string(1, kDeliveryTimePrefix),
                              EndOf(kDeliveryTimePrefix), 1);
        if (!ids.ok()) co_return ids.status();
        if (!ids->entries.empty()) {
          absl::StatusOr<TimeAndDelivery> oldest =
              ParseDeliveryTimeKey(ids->entries.front().first);
          if (oldest.ok()) NoteDeliveryId(mailbox, oldest->accepted);
        }
      }
      walked_to_ = mailbox;
    }
  }
}

Task<absl::StatusOr<absl::Time>> Reclaimer::ReclaimMailbox(MailboxId mailbox,
                                                           uint64_t* erased) {
  absl::StatusOr<std::shared_ptr<Mailbox>> found = co_await mailboxes_->Find(mailbox);
  if (ReasonOf(found.status()) == v1::ERROR_REASON_NO_SUCH_MAILBOX) {
    absl::Status finished = co_await mailboxes_->Erase(mailbox);
    if (!finished.ok()) co_return finished;
    co_return absl::InfiniteFuture();
  }
  if (!found.ok()) co_return found.status();
  const Head head = (*found)->durable();
  if (head.deleting) {
    absl::StatusOr<bool> named = co_await is_named_(head.owner, mailbox);
    if (!named.ok()) co_return named.status();
    if (!*named) {
      absl::Status erased_now = co_await mailboxes_->Erase(mailbox);
      if (!erased_now.ok()) co_return erased_now;
      co_return absl::InfiniteFuture();
    }
  }
  absl::Time due = absl::InfiniteFuture();
  while (!stopping()) {
    absl::StatusOr<bool> more = co_await ReclaimBatch(*found, erased, &due);
    if (ReasonOf(more.status()) == v1::ERROR_REASON_NO_SUCH_MAILBOX) {
      co_return absl::InfiniteFuture();
    }
    if (!more.ok()) co_return more.status();
    if (!*more) break;
  }
  absl::Time log_due = absl::InfiniteFuture();
  const uint64_t log_entries = (*found)->durable().tombstone_count;
  while (!stopping()) {
    absl::StatusOr<bool> more =
        co_await TrimChangeLog(engine_, *found, log_retention_, clock_->Now(), &log_due);
    if (ReasonOf(more.status()) == v1::ERROR_REASON_NO_SUCH_MAILBOX) {
      co_return absl::InfiniteFuture();
    }
    if (!more.ok()) co_return more.status();
    if (*more) continue;
    const uint64_t left = (*found)->durable().tombstone_count;
    absl::MutexLock lock(&mutex_);
    if (left < log_entries) counters_.log_entries += log_entries - left;
    co_return std::min(due, log_due);
  }
  co_return absl::InfinitePast();
}

Task<absl::StatusOr<bool>> Reclaimer::ReclaimBatch(std::shared_ptr<Mailbox> mailbox,
                                                   uint64_t* erased, absl::Time* due) {
  AsyncMutex::Guard guard = co_await mailbox->changes().Lock();
  absl::Status loaded = co_await mailbox->Load();
  if (!loaded.ok()) co_return loaded;
  const uint64_t limit = mailbox->ReclaimableModseq();
  const absl::Time oldest = clock_->Now() - expunged_grace_;
  const uint64_t reclaimed = mailbox->durable().reclaimed_modseq;
  absl::StatusOr<std::vector<LeftRow>> rows =
      co_await ScanLeft(engine_, mailbox->id(), kExpungedPrefix, reclaimed, kReclaimBatch);
  if (!rows.ok()) co_return rows.status();

  size_t count = 0;
  while (count < rows->size() && (*rows)[count].modseq <= limit &&
         (*rows)[count].record.expunged <= oldest) {
    ++count;
  }
  *due = absl::InfiniteFuture();
  if (count < rows->size()) {
    // What only a session keeps may go at any time.
    const absl::Time expunged = (*rows)[count].record.expunged;
    *due = expunged <= oldest ? absl::InfinitePast() : expunged + expunged_grace_;
  }
  if (count == 0) co_return false;

  // First the bodies: should this be cut short, the rows tell that it isn't done.
  for (size_t i = 0; i < count; ++i) {
    const engine::BodyId body = (*rows)[i].record.row.body;
    const engine::BodyReference reference{mailbox->id(), (*rows)[i].uid};
    absl::Status removed = co_await Await<absl::Status>([&](Done<absl::Status> done) {
      engine_->RemoveReference(body, reference, std::move(done));
    });
    if (!removed.ok()) co_return removed;
    absl::StatusOr<bool> gone = co_await mailboxes_->bodies().EraseIfUnneeded(body);
    if (!gone.ok()) co_return gone.status();
    *erased += *gone ? 1 : 0;
  }

  // Rows of one commit share a MODSEQ and may go in several batches.
  const bool whole = count == rows->size() ? rows->size() < kReclaimBatch
                                           : (*rows)[count].modseq > (*rows)[count - 1].modseq;
  const uint64_t done_to = (*rows)[count - 1].modseq - (whole ? 0 : 1);
  Change moved;
  for (size_t i = 0; i < count; ++i) {
    const LeftRow& row = (*rows)[i];
    moved.deletes.push_back(ModseqKey(kExpungedPrefix, row.modseq, row.uid));
    moved.puts.emplace_back(ModseqKey(kTombstonePrefix, row.modseq, row.uid),
                            Encode(row.record));
    moved.deletes.push_back(ExpungedUidKey(row.uid));
    UidlIndex::Forget(row.record.row, moved);
  }
  Mailbox::Plan plan = [moved = std::move(moved), done_to, count](
                           Head& head, Change& change) mutable -> absl::Status {
    head.reclaimed_modseq = std::max(head.reclaimed_modseq, done_to);
    head.tombstone_count += count;
    change = std::move(moved);
    return absl::OkStatus();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  co_return count == rows->size() && rows->size() == kReclaimBatch;
}

Task<absl::Status> Reclaimer::ForgetDeliveryIds(MailboxId mailbox) {
  absl::StatusOr<std::shared_ptr<Mailbox>> found = co_await mailboxes_->Find(mailbox);
  if (ReasonOf(found.status()) == v1::ERROR_REASON_NO_SUCH_MAILBOX) co_return absl::OkStatus();
  if (!found.ok()) co_return found.status();
  while (!stopping()) {
    absl::StatusOr<DeliveryIds::Dropped> dropped =
        co_await ids_->DropOld(*found, clock_->Now());
    if (!dropped.ok()) co_return dropped.status();
    if (dropped->more) continue;
    if (dropped->oldest_left) NoteDeliveryId(mailbox, *dropped->oldest_left);
    co_return absl::OkStatus();
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<uint64_t>> Reclaimer::LookIntoDoubtfulBodies() {
  uint64_t erased = 0;
  absl::Status failure;
  for (const engine::BodyId& body : pending_->TakeDoubtful()) {
    if (stopping() || mailboxes_->bodies().IsHeld(body)) {
      pending_->Doubt(body);
      continue;
    }
    absl::StatusOr<bool> gone = co_await mailboxes_->bodies().EraseIfUnneeded(body);
    if (!gone.ok()) {
      pending_->Doubt(body);
      failure = gone.status();
      continue;
    }
    if (!*gone) {
      absl::StatusOr<uint64_t> dropped = co_await mailboxes_->bodies().DropDangling(body);
      if (!dropped.ok()) {
        pending_->Doubt(body);
        failure = dropped.status();
        continue;
      }
    }
    erased += *gone ? 1 : 0;
    pending_->Remove(body);
  }
  if (!failure.ok()) co_return failure;
  co_return erased;
}

}  // namespace restante::store
