#include "storage-service/store/mailbox_table.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/mailbox_state.h"

namespace restante::store {
namespace {

using CommitAnswer = absl::StatusOr<engine::Version>;

// Entries looked at to find one that can go; those in use go to the young end.
constexpr int kEvictionTries = 8;

Task<CommitAnswer> ReadVersion(engine::Engine* engine, MailboxId mailbox) {
  CommitAnswer version = co_await Await<CommitAnswer>([&](Done<CommitAnswer> done) {
    engine->GetVersion(MailboxShard(mailbox), std::move(done));
  });
  co_return version;
}

Task<CommitAnswer> CommitDirectly(engine::Engine* engine, engine::CommitRequest request) {
  CommitAnswer answer = co_await Await<CommitAnswer>(
      [&](Done<CommitAnswer> done) { engine->Commit(std::move(request), std::move(done)); });
  co_return answer;
}

}  // namespace

MailboxStatus StatusOf(const MailboxId& mailbox, const Head& head) {
  MailboxStatus status;
  status.id = mailbox;
  status.uidvalidity = head.uidvalidity;
  status.uid_next = head.uid_next;
  status.highest_modseq = head.highest_modseq;
  status.message_count = head.message_count;
  status.octets = head.octets;
  if (head.counted) {
    status.unseen_count = head.unseen_count;
    status.deleted_count = head.deleted_count;
    status.recent_count = head.recent_count;
  }
  return status;
}

MailboxTable::MailboxTable(engine::Engine* engine, size_t capacity)
    : engine_(engine), capacity_(capacity), bodies_(engine) {}

MailboxTable::~MailboxTable() = default;

std::shared_ptr<Mailbox> MailboxTable::Slot(MailboxId mailbox) {
  absl::MutexLock lock(&mutex_);
  Entry& entry = entries_[mailbox];
  if (entry.mailbox == nullptr) {
    entry.mailbox = std::make_shared<Mailbox>(engine_, mailbox, &usages_, &watches_);
    entry.age = by_age_.insert(by_age_.end(), mailbox);
  } else {
    by_age_.splice(by_age_.end(), by_age_, entry.age);
  }
  std::shared_ptr<Mailbox> found = entry.mailbox;
  Evict();
  return found;
}

void MailboxTable::Evict() {
  for (int tries = 0; entries_.size() > capacity_ && tries < kEvictionTries; ++tries) {
    const MailboxId oldest = by_age_.front();
    const auto entry = entries_.find(oldest);
    if (entry->second.mailbox.use_count() == 1) {
      by_age_.pop_front();
      entries_.erase(entry);
    } else {
      by_age_.splice(by_age_.end(), by_age_, by_age_.begin());
    }
  }
}

Task<absl::StatusOr<std::shared_ptr<Mailbox>>> MailboxTable::Find(MailboxId mailbox) {
  std::shared_ptr<Mailbox> found = Slot(mailbox);
  absl::Status loaded = co_await found->Load();
  if (!loaded.ok()) co_return loaded;
  co_return found;
}

std::shared_ptr<Mailbox> MailboxTable::FindInMemory(const MailboxId& mailbox) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(mailbox);
  return found == entries_.end() ? nullptr : found->second.mailbox;
}

Task<absl::Status> MailboxTable::Create(MailboxId mailbox, AccountId owner,
                                        uint32_t uidvalidity) {
  {
    absl::MutexLock lock(&mutex_);
    if (remembers_made_) made_.insert(mailbox);
  }
  absl::StatusOr<engine::Version> version = co_await ReadVersion(engine_, mailbox);
  if (!version.ok()) co_return version.status();
  absl::StatusOr<std::optional<Head>> there = co_await ReadHead(engine_, mailbox);
  if (!there.ok()) co_return there.status();
  if (there->has_value()) {
    if ((*there)->owner == owner && !(*there)->erasing) co_return absl::OkStatus();
    co_return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                        absl::StrCat("mailbox ", mailbox.ToHex(), " is somebody else's"));
  }
  Head head;
  head.owner = owner;
  head.uidvalidity = uidvalidity;
  head.counted = true;
  engine::CommitRequest request;
  request.shard = MailboxShard(mailbox);
  request.expected = *version;
  request.puts.emplace_back(HeadKey(), Encode(head));
  absl::StatusOr<engine::Version> made = co_await CommitDirectly(engine_, std::move(request));
  co_return made.status();
}

bool MailboxTable::WasMade(const MailboxId& mailbox) const {
  absl::MutexLock lock(&mutex_);
  return made_.contains(mailbox);
}

void MailboxTable::ForgetWhatWasMade() {
  absl::MutexLock lock(&mutex_);
  made_ = {};
  remembers_made_ = false;
}

Task<absl::StatusOr<MailboxStatus>> MailboxTable::Status(MailboxId mailbox) {
  absl::StatusOr<std::shared_ptr<Mailbox>> found = co_await Find(mailbox);
  if (!found.ok()) co_return found.status();
  co_return StatusOf(mailbox, (*found)->durable());
}

Task<absl::Status> MailboxTable::Condemn(MailboxId mailbox) {
  std::shared_ptr<Mailbox> state = Slot(mailbox);
  CommitResult marked = co_await state->Commit([](Head& head, Change&) {
    head.erasing = true;
    return absl::OkStatus();
  });
  if (ReasonOf(marked.status) == v1::ERROR_REASON_NO_SUCH_MAILBOX) co_return absl::OkStatus();
  co_return marked.status;
}

Task<absl::Status> MailboxTable::Erase(MailboxId mailbox) {
  // First the mark: from here on the mailbox is gone for everybody, and a crash
  // leaves an erasure to be finished, never rows without bodies.
  absl::Status condemned = co_await Condemn(mailbox);
  if (!condemned.ok()) co_return condemned;
  absl::Status erased = co_await EraseContents(mailbox);
  co_return erased;
}

Task<absl::Status> MailboxTable::EraseContents(MailboxId mailbox) {
  absl::StatusOr<std::optional<Head>> head = co_await ReadHead(engine_, mailbox);
  if (!head.ok()) co_return head.status();
  if (!head->has_value()) co_return absl::OkStatus();
  absl::StatusOr<engine::Version> version = co_await ReadVersion(engine_, mailbox);
  if (!version.ok()) co_return version.status();

  for (const char prefix : {kRowPrefix, kExpungedPrefix}) {
    std::string begin(1, prefix);
    while (!begin.empty()) {
      absl::StatusOr<engine::ScanPage> page =
          co_await ScanKeys(engine_, mailbox, begin, EndOf(prefix), 1024);
      if (!page.ok()) co_return page.status();
      for (const auto& [key, value] : page->entries) {
        uint32_t uid = 0;
        absl::StatusOr<StoredRow> row = absl::InternalError("");
        if (prefix == kRowPrefix) {
          absl::StatusOr<uint32_t> parsed = ParseRowKey(key);
          if (parsed.ok()) uid = *parsed;
          row = DecodeRow(value);
        } else {
          absl::StatusOr<ModseqAndUid> parsed = ParseModseqKey(key);
          if (parsed.ok()) uid = parsed->uid;
          absl::StatusOr<ExpungedRow> expunged = DecodeExpunged(value);
          row = expunged.ok() ? absl::StatusOr<StoredRow>(expunged->row) : expunged.status();
        }
        // What can't be decoded can't be followed either; it must not keep the
        // account from being deleted.
        if (!row.ok()) continue;
        const engine::BodyReference reference{mailbox, uid};
        const engine::BodyId body = row->body;
        absl::Status removed = co_await Await<absl::Status>([&](Done<absl::Status> done) {
          engine_->RemoveReference(body, reference, std::move(done));
        });
        if (!removed.ok()) co_return removed;
        absl::StatusOr<bool> erased = co_await bodies_.EraseIfUnneeded(body);
        if (!erased.ok()) co_return erased.status();
      }
      begin = std::move(page->next);
    }
  }
  engine::CommitRequest request;
  request.shard = MailboxShard(mailbox);
  request.expected = *version;
  request.erase_shard = true;
  absl::StatusOr<engine::Version> done = co_await CommitDirectly(engine_, std::move(request));
  // Nobody writes to the mailbox any more, but for another who erases it too.
  if (absl::IsAborted(done.status())) co_return absl::OkStatus();
  co_return done.status();
}

size_t MailboxTable::cached() const {
  absl::MutexLock lock(&mutex_);
  return entries_.size();
}

}  // namespace restante::store
