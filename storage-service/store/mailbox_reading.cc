#include "storage-service/store/mailbox_reading.h"

#include <algorithm>

#include "common/errors.h"
#include "storage-service/store/mailbox_rows.h"

namespace restante::store {

Task<absl::Status> MailboxReading::Read() {
  absl::Status read =
      co_await ForEach(kRowPrefix, [this](const Entry* entry) { return RepairRow(entry); });
  if (!read.ok()) co_return read;
  read = co_await ForEach(kExpungedPrefix,
                          [this](const Entry* entry) { return RepairExpunged(entry); });
  if (!read.ok()) co_return read;
  const std::pair<char, absl::Status (MailboxReading::*)(const Entry&)> indices[] = {
      {kTombstonePrefix, &MailboxReading::RepairTombstone},
      {kChangePrefix, &MailboxReading::RepairChange},
      {kRetrievedPrefix, &MailboxReading::RepairRetrieval},
      {kExpungedUidPrefix, &MailboxReading::RepairPlace},
      {kUidlPrefix, &MailboxReading::RepairUidl}};
  for (const auto& [prefix, step] : indices) {
    Step of_one = [this, step = step](const Entry* entry) {
      return Now((this->*step)(*entry));
    };
    read = co_await ForEach(prefix, std::move(of_one));
    if (!read.ok()) co_return read;
  }
  AddWhatIsMissing();
  CountAnew();
  co_return absl::OkStatus();
}

Task<absl::Status> MailboxReading::Now(absl::Status status) { co_return status; }

Task<absl::Status> MailboxReading::ForEach(char prefix, Step step) {
  std::string begin(1, prefix);
  while (!begin.empty()) {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(tools_.engine, mailbox_, begin, EndOf(prefix), kPageRows);
    if (!page.ok()) co_return page.status();
    for (const Entry& entry : page->entries) {
      absl::Status done = co_await step(&entry);
      if (!done.ok()) co_return done;
    }
    begin = std::move(page->next);
  }
  co_return absl::OkStatus();
}

Task<absl::Status> MailboxReading::RepairRow(const Entry* entry) {
  const absl::StatusOr<uint32_t> uid = ParseRowKey(entry->first);
  if (!uid.ok()) co_return absl::OkStatus();  // whose it is nobody knows: it stays
  absl::StatusOr<StoredRow> row = DecodeRow(entry->second);
  bool changed = false;
  if (!row.ok()) {
    absl::StatusOr<std::optional<StoredRow>> rebuilt = co_await Rebuild(*uid);
    if (!rebuilt.ok()) co_return rebuilt.status();
    if (!rebuilt->has_value()) {
      if (options_.expunge_unreadable) Bury(*uid, StoredRow());
      co_return absl::OkStatus();
    }
    row = **std::move(rebuilt);
    changed = true;
  }
  absl::StatusOr<ExaminedRow> examined = co_await ExamineRow(
      tools_.engine, {mailbox_, *uid}, *std::move(row), options_.read_bodies);
  if (!examined.ok()) co_return examined.status();
  if (!examined->readable && options_.expunge_unreadable) {
    Bury(*uid, std::move(examined->row));
    co_return absl::OkStatus();
  }
  if (examined->readable && !examined->referenced) {
    change_.references.emplace_back(examined->row.body, *uid);
  }
  StoredRow& found = examined->row;
  if (found.hidden_modseq > found.modseq) {
    found.hidden_modseq = found.modseq;
    changed = true;
  }
  head_.last_hide_modseq = std::max(head_.last_hide_modseq, found.hidden_modseq);
  changed |= RepairUidlOf(found, *uid);
  Keep(*uid, std::move(found), changed || examined->changed);
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::optional<StoredRow>>> MailboxReading::Rebuild(uint32_t uid) {
  if (!bodies_) {
    absl::StatusOr<BodiesByUid> bodies = co_await BodiesOf(tools_.engine, mailbox_);
    if (!bodies.ok()) co_return bodies.status();
    bodies_ = *std::move(bodies);
  }
  const auto body = bodies_->find(uid);
  if (body == bodies_->end()) co_return std::optional<StoredRow>();
  absl::StatusOr<std::optional<StoredRow>> row =
      co_await RowFromBody(tools_.engine, body->second, tools_.now);
  co_return row;
}

bool MailboxReading::RepairUidlOf(StoredRow& row, uint32_t uid) {
  bool changed = false;
  if (!IsLegalUidl(row.Uidl())) {
    row.own_uidl.clear();
    changed = true;
  }
  while (!uidls_.insert(row.Uidl()).second) {
    row.own_uidl = DerivedUidl(Guid::Random());
    changed = true;
  }
  if (!row.own_uidl.empty()) own_uidls_[row.own_uidl] = uid;
  return changed;
}

void MailboxReading::Raise(uint32_t uid, uint64_t modseq) {
  if (uid != UINT32_MAX) head_.uid_next = std::max(head_.uid_next, uid + 1);
  head_.highest_modseq = std::max(head_.highest_modseq, modseq);
}

void MailboxReading::Keep(uint32_t uid, StoredRow row, bool changed) {
  Raise(uid, row.modseq);
  totals_.Add(row);
  recent_ += uid >= head_.recent_from_uid ? 1 : 0;
  lowest_ = std::min(lowest_, uid);
  if (row.hidden_modseq == 0) lowest_visible_ = std::min(lowest_visible_, uid);
  kept_[uid] = {changed ? 0 : row.modseq, row.retrieved};
  if (changed) changed_.emplace_back(uid, std::move(row));
}

void MailboxReading::Bury(uint32_t uid, StoredRow row) {
  Raise(uid, row.modseq);
  given_up_.emplace_back(row.body, uid);
  buried_.emplace_back(uid, std::move(row));
}

Task<absl::Status> MailboxReading::RepairExpunged(const Entry* entry) {
  const absl::StatusOr<ModseqAndUid> place = ParseModseqKey(entry->first);
  // Alive is alive, and one place is enough.
  if (!place.ok() || kept_.contains(place->uid) || expunged_.contains(place->uid)) {
    Drop(entry->first);
    co_return absl::OkStatus();
  }
  const uint32_t uid = place->uid;
  Raise(uid, place->modseq);
  head_.last_expunge_modseq = std::max(head_.last_expunge_modseq, place->modseq);
  absl::StatusOr<ExpungedRow> record = DecodeExpunged(entry->second);
  bool changed = false;
  bool lost = false;
  if (!record.ok()) {
    absl::StatusOr<std::optional<StoredRow>> rebuilt = co_await Rebuild(uid);
    if (!rebuilt.ok()) co_return rebuilt.status();
    changed = true;
    lost = !rebuilt->has_value();
    record = ExpungedRow{rebuilt->value_or(StoredRow()), tools_.now};
  }
  if (!lost) {
    absl::StatusOr<ExaminedRow> examined =
        co_await ExamineRow(tools_.engine, {mailbox_, uid}, record->row, options_.read_bodies);
    if (!examined.ok()) co_return examined.status();
    lost = !examined->readable && options_.expunge_unreadable;
    if (lost) given_up_.emplace_back(record->row.body, uid);
    if (examined->readable && !examined->referenced) {
      change_.references.emplace_back(record->row.body, uid);
    }
  }
  if (lost) {
    Drop(entry->first);
    change_.puts.emplace_back(ModseqKey(kTombstonePrefix, place->modseq, uid), Encode(*record));
    ++tombstones_;
    co_return absl::OkStatus();
  }
  changed |= RepairUidlOf(record->row, uid);
  if (changed) change_.puts.emplace_back(entry->first, Encode(*record));
  head_.reclaimed_modseq = std::min(head_.reclaimed_modseq, place->modseq - 1);
  expunged_[uid] = place->modseq;
  co_return absl::OkStatus();
}

absl::Status MailboxReading::RepairTombstone(const Entry& entry) {
  const absl::StatusOr<ModseqAndUid> place = ParseModseqKey(entry.first);
  if (!place.ok() || kept_.contains(place->uid) || expunged_.contains(place->uid)) {
    Drop(entry.first);
    return absl::OkStatus();
  }
  Raise(place->uid, place->modseq);
  head_.last_expunge_modseq = std::max(head_.last_expunge_modseq, place->modseq);
  if (DecodeExpunged(entry.second).ok()) {
    ++tombstones_;
    return absl::OkStatus();
  }
  // Whoever asks for what happened before this is told that the log doesn't know.
  Drop(entry.first);
  head_.log_floor_modseq = std::max(head_.log_floor_modseq, place->modseq);
  return absl::OkStatus();
}

absl::Status MailboxReading::RepairChange(const Entry& entry) {
  const absl::StatusOr<ModseqAndUid> place = ParseModseqKey(entry.first);
  const auto row = place.ok() ? kept_.find(place->uid) : kept_.end();
  if (row != kept_.end() && row->second.modseq == place->modseq) {
    changes_.insert(place->uid);
  } else {
    Drop(entry.first);
  }
  return absl::OkStatus();
}

absl::Status MailboxReading::RepairRetrieval(const Entry& entry) {
  const absl::StatusOr<TimeAndUid> place = ParseRetrievedKey(entry.first);
  const auto row = place.ok() ? kept_.find(place->uid) : kept_.end();
  if (row != kept_.end() && row->second.retrieved == place->time) {
    retrievals_.insert(place->uid);
  } else {
    Drop(entry.first);
  }
  return absl::OkStatus();
}

absl::Status MailboxReading::RepairPlace(const Entry& entry) {
  const absl::StatusOr<uint32_t> uid = ParseRowKey(entry.first);
  const absl::StatusOr<uint64_t> modseq = ParseModseqValue(entry.second);
  const auto row = uid.ok() ? expunged_.find(*uid) : expunged_.end();
  if (row != expunged_.end() && modseq.ok() && row->second == *modseq) {
    places_.insert(*uid);
  } else {
    Drop(entry.first);
  }
  return absl::OkStatus();
}

absl::Status MailboxReading::RepairUidl(const Entry& entry) {
  const auto row = own_uidls_.find(entry.first.substr(1));
  const absl::StatusOr<uint32_t> uid = ParseUidValue(entry.second);
  if (row != own_uidls_.end() && uid.ok() && row->second == *uid) {
    own_uidls_.erase(row);
  } else if (row == own_uidls_.end()) {
    Drop(entry.first);
  }
  return absl::OkStatus();
}

void MailboxReading::AddWhatIsMissing() {
  if (!changed_.empty() || !buried_.empty()) ++head_.highest_modseq;
  const uint64_t now = head_.highest_modseq;
  for (auto& [uid, row] : changed_) {
    row.modseq = kept_[uid].modseq = now;
    change_.puts.emplace_back(RowKey(uid), Encode(row));
  }
  for (const auto& [uid, row] : kept_) {
    if (!changes_.contains(uid)) {
      change_.puts.emplace_back(ModseqKey(kChangePrefix, row.modseq, uid), std::string());
    }
    if (row.retrieved > absl::InfinitePast() && !retrievals_.contains(uid)) {
      change_.puts.emplace_back(RetrievedKey(row.retrieved, uid), std::string());
    }
  }
  for (const auto& [uid, modseq] : expunged_) {
    if (!places_.contains(uid)) {
      change_.puts.emplace_back(ExpungedUidKey(uid), ModseqValue(modseq));
    }
  }
  for (const auto& [uidl, uid] : own_uidls_) {
    change_.puts.emplace_back(UidlKey(uidl), UidValue(uid));
  }
  for (auto& [uid, row] : buried_) {
    Drop(RowKey(uid));
    change_.puts.emplace_back(ModseqKey(kTombstonePrefix, now, uid),
                              Encode(ExpungedRow{std::move(row), tools_.now}));
    head_.last_expunge_modseq = now;
    ++tombstones_;
  }
}

void MailboxReading::CountAnew() {
  head_.message_count = head_.octets = head_.hidden_count = head_.hidden_octets = 0;
  head_.surrogate_excess = 0;
  head_.unseen_count = head_.deleted_count = 0;
  totals_.AddTo(head_);
  head_.recent_count = recent_;
  head_.tombstone_count = tombstones_;
  head_.counted = true;
  head_.low_uid = std::min({head_.low_uid, lowest_, head_.uid_next});
  head_.low_visible_uid = std::min({head_.low_visible_uid, lowest_visible_, head_.uid_next});
  if (head_.uidvalidity == 0) {
    head_.uidvalidity = static_cast<uint32_t>(absl::ToUnixSeconds(tools_.now));
  }
}

absl::Status MailboxReading::Apply(Head& head, Change& change) {
  if (!(head == before_)) return absl::AbortedError("the mailbox has changed meanwhile");
  head = head_;
  change = std::move(change_);
  return absl::OkStatus();
}

}  // namespace restante::store
