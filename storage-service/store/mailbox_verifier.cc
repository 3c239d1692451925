#include "storage-service/store/mailbox_verifier.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/body_verifier.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"

namespace restante::store {
namespace {

constexpr int kTries = 5;

// One reading of a mailbox: what it found, to be reported only if it holds good.
class Reading {
 public:
  Reading(engine::Engine* engine, MailboxId mailbox, bool read_bodies)
      : engine_(engine), mailbox_(mailbox), read_bodies_(read_bodies) {}

  // The mailbox's totals.
  Task<absl::StatusOr<MailboxTotals>> Read();

  const std::vector<std::string>& errors() const { return errors_; }

 private:
  Task<absl::Status> ReadRows(Head head);
  Task<absl::Status> ReadChanges();
  Task<absl::Status> ReadRetrievals();
  Task<absl::Status> ReadExpunged(Head head, char prefix);
  Task<absl::Status> CheckExpungedBody(uint32_t uid, StoredRow row);
  Task<absl::Status> ReadUidls();
  Task<absl::Status> ReadExpungedUids();
  void NoteUidl(uint32_t uid, const StoredRow& row);
  Task<absl::Status> CheckOneRow(Head head, uint32_t uid, StoredRow row);
  void NotePop3(const Head& head, uint32_t uid, const StoredRow& row);
  void CheckTotals(const Head& head);
  void CheckPop3(const Head& head);
  void CheckImap(const Head& head);
  void Error(std::string message) { errors_.push_back(std::move(message)); }

  engine::Engine* const engine_;
  const MailboxId mailbox_;
  const bool read_bodies_;
  MailboxTotals totals_;
  absl::flat_hash_map<uint32_t, uint64_t> modseqs_;  // of live rows, by UID
  // Hashes: a repetition that isn't one takes more messages than a mailbox has.
  absl::flat_hash_set<size_t> uidls_;
  // Of those that are in the index: whose they are.
  absl::flat_hash_map<size_t, uint32_t> indexed_uidls_;
  // Of expunged rows that hold their bodies, by UID.
  absl::flat_hash_map<uint32_t, uint64_t> expunged_;
  uint32_t lowest_ = UINT32_MAX;
  uint64_t unseen_ = 0;
  uint64_t deleted_ = 0;
  uint64_t recent_ = 0;
  uint64_t tombstones_ = 0;
  uint64_t change_entries_ = 0;
  uint64_t hidden_ = 0;
  uint64_t hidden_octets_ = 0;
  uint32_t lowest_visible_ = UINT32_MAX;
  // Times of first retrievals, of rows that have one.
  absl::flat_hash_map<uint32_t, absl::Time> retrievals_;
  uint64_t retrieval_entries_ = 0;
  int64_t surrogate_excess_ = 0;
  uint64_t newest_expunge_ = 0;
  std::vector<std::string> errors_;
};

Task<absl::StatusOr<MailboxTotals>> Reading::Read() {
  absl::StatusOr<std::optional<Head>> head = co_await ReadHead(engine_, mailbox_);
  if (!head.ok() && ReasonOf(head.status()) == v1::ERROR_REASON_CORRUPT) {
    Error(std::string(head.status().message()));
    co_return totals_;
  }
  if (!head.ok()) co_return head.status();
  if (!head->has_value()) {
    absl::StatusOr<engine::ScanPage> rows =
        co_await ScanKeys(engine_, mailbox_, std::string(1, kRowPrefix), EndOf(kRowPrefix), 1);
    if (!rows.ok()) co_return rows.status();
    totals_.gone = rows->entries.empty();
    if (!totals_.gone) Error("has messages and no head");
    co_return totals_;
  }
  if ((*head)->erasing) {
    totals_.gone = true;
    co_return totals_;
  }
  totals_.has_head = true;
  totals_.owner = (*head)->owner;
  totals_.uidvalidity = (*head)->uidvalidity;
  totals_.deleting = (*head)->deleting;
  absl::Status read = co_await ReadRows(**head);
  if (read.ok()) read = co_await ReadChanges();
  if (read.ok()) read = co_await ReadRetrievals();
  if (read.ok()) read = co_await ReadExpunged(**head, kExpungedPrefix);
  if (read.ok()) read = co_await ReadExpunged(**head, kTombstonePrefix);
  if (read.ok()) read = co_await ReadExpungedUids();
  if (read.ok()) read = co_await ReadUidls();
  if (!read.ok()) co_return read;
  CheckTotals(**head);
  co_return totals_;
}

Task<absl::Status> Reading::ReadRows(Head head) {
  std::string begin(1, kRowPrefix);
  while (!begin.empty()) {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine_, mailbox_, begin, EndOf(kRowPrefix), kPageRows);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      absl::StatusOr<uint32_t> uid = ParseRowKey(key);
      absl::StatusOr<StoredRow> row = DecodeRow(value);
      if (!uid.ok() || !row.ok()) {
        Error(uid.ok() ? absl::StrCat("UID ", *uid, ": ", row.status().message())
                       : std::string(uid.status().message()));
        continue;
      }
      absl::Status checked = co_await CheckOneRow(head, *uid, *std::move(row));
      if (!checked.ok()) co_return checked;
    }
    begin = std::move(page->next);
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Reading::CheckOneRow(Head head, uint32_t uid, StoredRow row) {
  ++totals_.messages;
  totals_.octets += row.octets;
  if (row.hidden_modseq == 0) {
    surrogate_excess_ += static_cast<int64_t>(row.ShownOctets(false) - row.octets);
  }
  unseen_ += (row.flags & kSeenFlag) == 0 ? 1 : 0;
  deleted_ += (row.flags & kDeletedFlag) != 0 ? 1 : 0;
  recent_ += uid >= head.recent_from_uid ? 1 : 0;
  modseqs_[uid] = row.modseq;
  lowest_ = std::min(lowest_, uid);
  NotePop3(head, uid, row);
  if (uid == 0 || uid >= head.uid_next) {
    Error(absl::StrCat("UID ", uid, " isn't below UIDNEXT ", head.uid_next));
  }
  if (row.modseq > head.highest_modseq) {
    Error(absl::StrCat("UID ", uid, " has MODSEQ ", row.modseq, " above the highest, ",
                       head.highest_modseq));
  }
  NoteUidl(uid, row);
  absl::StatusOr<std::vector<std::string>> faults =
      co_await VerifyBody(engine_, {mailbox_, uid}, row, read_bodies_);
  if (!faults.ok()) co_return faults.status();
  for (const std::string& fault : *faults) Error(absl::StrCat("UID ", uid, ": ", fault));
  co_return absl::OkStatus();
}

void Reading::NotePop3(const Head& head, uint32_t uid, const StoredRow& row) {
  if (row.was_retrieved()) retrievals_[uid] = row.retrieved;
  if (row.hidden_modseq == 0) {
    lowest_visible_ = std::min(lowest_visible_, uid);
    return;
  }
  ++hidden_;
  hidden_octets_ += row.octets;
  if (row.hidden_modseq > row.modseq) {
    Error(absl::StrCat("UID ", uid, " was hidden with MODSEQ ", row.hidden_modseq,
                       ", above its own, ", row.modseq));
  }
  if (row.hidden_modseq > head.last_hide_modseq) {
    Error(absl::StrCat("UID ", uid, " was hidden with MODSEQ ", row.hidden_modseq,
                       ", which isn't known"));
  }
}

Task<absl::Status> Reading::ReadRetrievals() {
  std::string begin(1, kRetrievedPrefix);
  while (!begin.empty()) {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine_, mailbox_, begin, EndOf(kRetrievedPrefix), kPageRows);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      absl::StatusOr<TimeAndUid> place = ParseRetrievedKey(key);
      if (!place.ok()) {
        Error(std::string(place.status().message()));
        continue;
      }
      const auto row = retrievals_.find(place->uid);
      if (row == retrievals_.end() || row->second != place->time) {
        Error(absl::StrCat("a retrieval of UID ", place->uid, " is noted that no row has"));
      } else {
        ++retrieval_entries_;
      }
    }
    begin = std::move(page->next);
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Reading::ReadChanges() {
  std::string begin(1, kChangePrefix);
  while (!begin.empty()) {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine_, mailbox_, begin, EndOf(kChangePrefix), kPageRows);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      absl::StatusOr<ModseqAndUid> place = ParseModseqKey(key);
      if (!place.ok()) {
        Error(std::string(place.status().message()));
        continue;
      }
      const auto row = modseqs_.find(place->uid);
      if (row == modseqs_.end() || row->second != place->modseq) {
        Error(absl::StrCat("the change log has MODSEQ ", place->modseq, " for UID ", place->uid,
                           ", which no row has"));
      } else {
        ++change_entries_;
      }
    }
    begin = std::move(page->next);
  }
  co_return absl::OkStatus();
}

void Reading::NoteUidl(uint32_t uid, const StoredRow& row) {
  const std::string uidl = row.Uidl();
  if (!IsLegalUidl(uidl)) Error(absl::StrCat("UID ", uid, " has no legal UIDL"));
  if (!uidls_.insert(absl::HashOf(uidl)).second) {
    Error(absl::StrCat("UID ", uid, " has the UIDL ", uidl, " of another message"));
  }
  if (!row.own_uidl.empty()) indexed_uidls_[absl::HashOf(uidl)] = uid;
}

Task<absl::Status> Reading::ReadExpungedUids() {
  std::string begin(1, kExpungedUidPrefix);
  while (!begin.empty()) {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine_, mailbox_, begin, EndOf(kExpungedUidPrefix), kPageRows);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      const absl::StatusOr<uint32_t> uid = ParseRowKey(key);
      const absl::StatusOr<uint64_t> modseq = ParseModseqValue(value);
      const auto row = uid.ok() ? expunged_.find(*uid) : expunged_.end();
      if (!modseq.ok() || row == expunged_.end() || row->second != *modseq) {
        Error("the place of an expunged message is noted that isn't there");
      } else {
        expunged_.erase(row);
      }
    }
    begin = std::move(page->next);
  }
  for (const auto& [uid, modseq] : expunged_) {
    Error(absl::StrCat("expunged UID ", uid, " can't be found: its place isn't noted"));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Reading::ReadUidls() {
  std::string begin(1, kUidlPrefix);
  while (!begin.empty()) {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine_, mailbox_, begin, EndOf(kUidlPrefix), kPageRows);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      const std::string uidl(key.substr(1));
      const absl::StatusOr<uint32_t> uid = ParseUidValue(value);
      const auto row = indexed_uidls_.find(absl::HashOf(uidl));
      if (!uid.ok() || row == indexed_uidls_.end() || row->second != *uid) {
        Error(absl::StrCat("the UIDL ", uidl, " is noted for a UID that doesn't have it"));
      } else {
        indexed_uidls_.erase(row);
      }
    }
    begin = std::move(page->next);
  }
  for (const auto& [hash, uid] : indexed_uidls_) {
    Error(absl::StrCat("UID ", uid, " has a UIDL that isn't noted"));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Reading::ReadExpunged(Head head, char prefix) {
  absl::StatusOr<std::vector<LeftRow>> rows = co_await ScanLeft(engine_, mailbox_, prefix, 0);
  if (!rows.ok()) {
    if (ReasonOf(rows.status()) != v1::ERROR_REASON_CORRUPT) co_return rows.status();
    Error(std::string(rows.status().message()));
    co_return absl::OkStatus();
  }
  if (prefix == kTombstonePrefix) tombstones_ = rows->size();
  for (const LeftRow& row : *rows) {
    newest_expunge_ = std::max(newest_expunge_, row.modseq);
    if (prefix == kExpungedPrefix) {
      NoteUidl(row.uid, row.record.row);
      expunged_[row.uid] = row.modseq;
      absl::Status checked = co_await CheckExpungedBody(row.uid, row.record.row);
      if (!checked.ok()) co_return checked;
    }
    if (modseqs_.contains(row.uid)) {
      Error(absl::StrCat("UID ", row.uid, " is expunged and alive"));
    }
    if (row.uid >= head.uid_next || row.modseq > head.highest_modseq) {
      Error(absl::StrCat("expunged UID ", row.uid, " is newer than the mailbox"));
    }
    if (prefix == kExpungedPrefix && row.modseq <= head.reclaimed_modseq) {
      Error(absl::StrCat("expunged UID ", row.uid, " counts as reclaimed and isn't"));
    }
  }
  co_return absl::OkStatus();
}

// It may be gone already, when it is being reclaimed; but what is there has to be right.
Task<absl::Status> Reading::CheckExpungedBody(uint32_t uid, StoredRow row) {
  for (uint64_t offset = 0; read_bodies_ && offset < row.body_octets();
       offset += engine::Engine::kChunkOctets) {
    absl::StatusOr<std::string> data =
        co_await Await<absl::StatusOr<std::string>>([&](auto done) {
          engine_->ReadBody(row.body, offset, engine::Engine::kChunkOctets, std::move(done));
        });
    if (absl::IsNotFound(data.status())) break;
    if (ReasonOf(data.status()) == v1::ERROR_REASON_CORRUPT) {
      Error(absl::StrCat("expunged UID ", uid, ": ", data.status().message()));
      break;
    }
    if (!data.ok()) co_return data.status();
  }
  co_return absl::OkStatus();
}

void Reading::CheckTotals(const Head& head) {
  if (totals_.messages != head.message_count) {
    Error(absl::StrCat("counts ", head.message_count, " messages and has ", totals_.messages));
  }
  if (totals_.octets != head.octets) {
    Error(absl::StrCat("counts ", head.octets, " octets and has ", totals_.octets));
  }
  if (surrogate_excess_ != head.surrogate_excess) {
    Error(absl::StrCat("counts ", head.surrogate_excess, " octets more in surrogates and has ",
                       surrogate_excess_));
  }
  if (totals_.messages > 0 && lowest_ < head.low_uid) {
    Error(absl::StrCat("has UID ", lowest_, " below its lower bound ", head.low_uid));
  }
  if (change_entries_ != totals_.messages) {
    Error(absl::StrCat("the change log has ", change_entries_, " of ", totals_.messages,
                       " messages"));
  }
  CheckPop3(head);
  CheckImap(head);
  if (newest_expunge_ > head.last_expunge_modseq) {
    Error(absl::StrCat("the newest expunge, MODSEQ ", newest_expunge_, ", isn't known"));
  }
  if (head.uidvalidity == 0) Error("has no UIDVALIDITY");
}

void Reading::CheckImap(const Head& head) {
  if (!head.counted) return;  // written by an older release
  const auto check = [this](absl::string_view what, uint64_t counted, uint64_t found) {
    if (counted != found) Error(absl::StrCat("counts ", counted, " ", what, ", has ", found));
  };
  check("messages without \\Seen", head.unseen_count, unseen_);
  check("messages with \\Deleted", head.deleted_count, deleted_);
  check("recent messages", head.recent_count, recent_);
  check("entries of its change log", head.tombstone_count, tombstones_);
}

void Reading::CheckPop3(const Head& head) {
  if (hidden_ != head.hidden_count) {
    Error(absl::StrCat("counts ", head.hidden_count, " hidden messages and has ", hidden_));
  }
  if (hidden_octets_ != head.hidden_octets) {
    Error(
        absl::StrCat("counts ", head.hidden_octets, " hidden octets and has ", hidden_octets_));
  }
  if (totals_.messages > hidden_ && lowest_visible_ < head.low_visible_uid) {
    Error(absl::StrCat("POP3 sees UID ", lowest_visible_, ", below the bound of what it sees, ",
                       head.low_visible_uid));
  }
  if (retrieval_entries_ != retrievals_.size()) {
    Error(absl::StrCat("has ", retrievals_.size(), " messages that were retrieved and notes ",
                       retrieval_entries_, " of them"));
  }
}

}  // namespace

Task<absl::StatusOr<MailboxTotals>> VerifyMailbox(engine::Engine* engine, MailboxId mailbox,
                                                  std::string where, bool read_bodies,
                                                  std::function<void(VerifyFinding)> report) {
  using Version = absl::StatusOr<engine::Version>;
  MailboxTotals totals;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    Version before = co_await Await<Version>([&](Done<Version> done) {
      engine->GetVersion(MailboxShard(mailbox), std::move(done));
    });
    if (!before.ok()) co_return before.status();
    Reading reading(engine, mailbox, read_bodies);
    absl::StatusOr<MailboxTotals> read = co_await reading.Read();
    if (!read.ok()) co_return read.status();
    totals = *read;
    if (totals.gone || reading.errors().empty()) {
      // What fits together although it changed meanwhile is right twice.
      co_return totals;
    }
    Version after = co_await Await<Version>([&](Done<Version> done) {
      engine->GetVersion(MailboxShard(mailbox), std::move(done));
    });
    if (!after.ok()) co_return after.status();
    if (*before != *after) continue;
    for (const std::string& error : reading.errors()) report({true, where, error});
    co_return totals;
  }
  report({false, where,
          absl::StrCat("changed during each of ", kTries,
                       " readings; verify it again when it is less busy")});
  co_return totals;
}

}  // namespace restante::store
