#include "storage-service/store/mailbox_records.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/format.pb.h"

namespace restante::store {
namespace {

constexpr std::pair<uint32_t, const char*> kSystemFlags[] = {{kSeenFlag, "\\Seen"},
                                                             {2, "\\Answered"},
                                                             {4, "\\Flagged"},
                                                             {kDeletedFlag, "\\Deleted"},
                                                             {16, "\\Draft"}};

void Append32(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void Append64(std::string& out, uint64_t value) {
  Append32(out, static_cast<uint32_t>(value >> 32));
  Append32(out, static_cast<uint32_t>(value));
}

uint64_t ReadNumber(absl::string_view octets) {
  uint64_t value = 0;
  for (const char octet : octets) value = value << 8 | static_cast<uint8_t>(octet);
  return value;
}

absl::Status Corrupt(absl::string_view what) {
  return MakeError(v1::ERROR_REASON_CORRUPT, absl::StrCat("can't decode ", what));
}

std::string OctetsOf(const Id128& id) { return std::string(id.AsOctets()); }

void Fill(const StoredRow& row, format::MailboxRow& record) {
  record.set_modseq(row.modseq);
  record.set_guid(OctetsOf(row.guid));
  record.set_uidl(row.own_uidl);
  record.set_octets(row.octets);
  record.set_header_octets(row.header_octets);
  record.set_internal_date_us(absl::ToUnixMicros(row.internal_date));
  record.set_save_date_us(absl::ToUnixMicros(row.save_date));
  record.set_flags(row.flags);
  for (const std::string& keyword : row.keywords) record.add_keywords(keyword);
  record.set_has_dot_line(row.has_dot_line);
  if (row.body != row.guid) record.set_body(OctetsOf(row.body));
  record.set_hidden_modseq(row.hidden_modseq);
  if (row.hidden > absl::InfinitePast()) record.set_hidden_us(absl::ToUnixMicros(row.hidden));
  record.set_downgraded_octets(row.downgraded_octets);
  if (row.was_retrieved()) record.set_retrieved_us(absl::ToUnixMicros(row.retrieved));
}

absl::Time TimeOf(int64_t microseconds) {
  return microseconds == 0 ? absl::InfinitePast() : absl::FromUnixMicros(microseconds);
}

// Every field of the row: it may hold another.
absl::Status FromRecord(const format::MailboxRow& record, StoredRow& row) {
  const std::optional<Id128> guid = Id128::FromOctets(record.guid());
  const std::optional<Id128> body =
      record.body().empty() ? guid : Id128::FromOctets(record.body());
  if (!guid || !body) return Corrupt("the identities of a message's row");
  row.modseq = record.modseq();
  row.guid = *guid;
  row.own_uidl = record.uidl();
  row.octets = record.octets();
  row.header_octets = record.header_octets();
  row.internal_date = absl::FromUnixMicros(record.internal_date_us());
  row.save_date = absl::FromUnixMicros(record.save_date_us());
  row.flags = record.flags();
  row.keywords.assign(record.keywords().begin(), record.keywords().end());
  row.has_dot_line = record.has_dot_line();
  row.body = *body;
  row.hidden_modseq = record.hidden_modseq();
  row.hidden = TimeOf(record.hidden_us());
  row.downgraded_octets = record.downgraded_octets();
  row.retrieved = TimeOf(record.retrieved_us());
  return absl::OkStatus();
}

bool Parse(absl::string_view octets, google::protobuf::MessageLite& record) {
  return record.ParseFromArray(octets.data(), static_cast<int>(octets.size()));
}

}  // namespace

std::string StoredRow::Uidl() const { return own_uidl.empty() ? DerivedUidl(guid) : own_uidl; }

MessageRow StoredRow::AsMessage(uint32_t uid) const {
  MessageRow message;
  message.uid = uid;
  message.modseq = modseq;
  message.guid = guid;
  message.uidl = Uidl();
  message.octets = octets;
  message.header_octets = header_octets;
  message.internal_date = internal_date;
  message.save_date = save_date;
  for (const auto& [bit, name] : kSystemFlags) {
    if (flags & bit) message.flags.emplace_back(name);
  }
  message.flags.insert(message.flags.end(), keywords.begin(), keywords.end());
  message.has_dot_line = has_dot_line;
  message.downgraded_octets = downgraded_octets;
  message.hidden_from_pop3 = hidden_modseq != 0;
  message.hidden = hidden;
  return message;
}

StoredRow StoredRow::AsNew(absl::Time saved) const {
  StoredRow row = *this;
  row.modseq = 0;
  row.save_date = saved;
  row.hidden_modseq = 0;
  row.hidden = absl::InfinitePast();
  row.retrieved = absl::InfinitePast();
  return row;
}

void RowTotals::Add(const StoredRow& row) {
  ++messages;
  octets += row.octets;
  unseen += (row.flags & kSeenFlag) == 0 ? 1 : 0;
  deleted += (row.flags & kDeletedFlag) != 0 ? 1 : 0;
  if (row.hidden_modseq == 0) {
    surrogate_excess += static_cast<int64_t>(row.ShownOctets(false) - row.octets);
    return;
  }
  ++hidden_messages;
  hidden_octets += row.octets;
}

void RowTotals::AddNewTo(Head& head, uint32_t first_uid) const {
  if (head.message_count == 0) head.low_uid = first_uid;
  if (head.visible_count() == 0) head.low_visible_uid = first_uid;
  head.recent_count += messages;
  AddTo(head);
}

void RowTotals::AddTo(Head& head) const {
  head.message_count += messages;
  head.octets += octets;
  head.hidden_count += hidden_messages;
  head.hidden_octets += hidden_octets;
  head.surrogate_excess += surrogate_excess;
  head.unseen_count += unseen;
  head.deleted_count += deleted;
}

void RowTotals::RemoveFrom(Head& head) const {
  head.message_count -= messages;
  head.octets -= octets;
  head.hidden_count -= hidden_messages;
  head.hidden_octets -= hidden_octets;
  head.surrogate_excess -= surrogate_excess;
  head.unseen_count -= unseen;
  head.deleted_count -= deleted;
}

absl::Status SetFlags(const std::vector<std::string>& flags, StoredRow& row) {
  constexpr size_t kMostKeywords = 64;
  constexpr size_t kMostOctets = 64;
  for (const std::string& flag : flags) {
    bool system = false;
    for (const auto& [bit, name] : kSystemFlags) {
      if (!absl::EqualsIgnoreCase(flag, name)) continue;
      row.flags |= bit;
      system = true;
    }
    if (system) continue;
    // RFC 9051, section 9: flag-keyword.
    const bool atom = !flag.empty() && flag.size() <= kMostOctets &&
                      std::all_of(flag.begin(), flag.end(), [](unsigned char c) {
                        return c > 0x20 && c < 0x7F &&
                               absl::string_view("(){%*\"\\]").find(static_cast<char>(c)) ==
                                   absl::string_view::npos;
                      });
    if (!atom) {
      return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                       absl::StrCat("flags: \"", absl::Utf8SafeCHexEscape(flag),
                                    "\" is neither a system flag that is kept nor a keyword"));
    }
    const bool known = std::any_of(
        row.keywords.begin(), row.keywords.end(),
        [&](const std::string& keyword) { return absl::EqualsIgnoreCase(keyword, flag); });
    if (!known) row.keywords.push_back(flag);
  }
  if (row.keywords.size() > kMostKeywords) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     absl::StrCat("flags: more than ", kMostKeywords, " keywords"));
  }
  return absl::OkStatus();
}

std::string DerivedUidl(const Guid& guid) { return absl::WebSafeBase64Escape(guid.AsOctets()); }

bool IsLegalUidl(absl::string_view uidl) {
  return !uidl.empty() && uidl.size() <= 70 &&
         std::all_of(uidl.begin(), uidl.end(), [](char c) { return c >= 0x21 && c <= 0x7E; });
}

std::string HeadKey() { return std::string(1, kHeadPrefix); }

std::string RowKey(uint32_t uid) {
  std::string key(1, kRowPrefix);
  Append32(key, uid);
  return key;
}

std::string ModseqKey(char prefix, uint64_t modseq, uint32_t uid) {
  std::string key(1, prefix);
  Append64(key, modseq);
  Append32(key, uid);
  return key;
}

void SetModseq(std::string& key, uint64_t modseq) {
  for (int i = 0; i < 8; ++i) key[1 + i] = static_cast<char>(modseq >> (56 - 8 * i));
}

std::string ExpungedUidKey(uint32_t uid) {
  std::string key(1, kExpungedUidPrefix);
  Append32(key, uid);
  return key;
}

std::string ModseqValue(uint64_t modseq) {
  std::string value;
  Append64(value, modseq);
  return value;
}

absl::StatusOr<uint64_t> ParseModseqValue(absl::string_view value) {
  if (value.size() != 8) return Corrupt("the place of an expunged message");
  return ReadNumber(value);
}

std::string UidlKey(absl::string_view uidl) {
  return absl::StrCat(absl::string_view(&kUidlPrefix, 1), uidl);
}

std::string UidValue(uint32_t uid) {
  std::string value;
  Append32(value, uid);
  return value;
}

absl::StatusOr<uint32_t> ParseUidValue(absl::string_view value) {
  if (value.size() != 4) return Corrupt("an entry of the UIDLs");
  return static_cast<uint32_t>(ReadNumber(value));
}

std::string DeliveryKey(absl::string_view key) {
  return absl::StrCat(absl::string_view(&kDeliveryPrefix, 1), key);
}

std::string DeliveryTimeKey(absl::Time accepted, absl::string_view key) {
  std::string time_key(1, kDeliveryTimePrefix);
  Append64(time_key, static_cast<uint64_t>(absl::ToUnixMicros(accepted)));
  time_key.append(key.data(), key.size());
  return time_key;
}

std::string RetrievedKey(absl::Time retrieved, uint32_t uid) {
  return ModseqKey(kRetrievedPrefix, static_cast<uint64_t>(absl::ToUnixMicros(retrieved)), uid);
}

std::string MoveKey(const MailboxId& from) {
  return absl::StrCat(absl::string_view(&kMovePrefix, 1), from.AsOctets());
}

std::string FinishedMoveKey(const MailboxId& to) {
  return absl::StrCat(absl::string_view(&kFinishedMovePrefix, 1), to.AsOctets());
}

std::string EndOf(char prefix) { return std::string(1, static_cast<char>(prefix + 1)); }

absl::StatusOr<uint32_t> ParseRowKey(absl::string_view key) {
  if (key.size() != 5) return Corrupt("the key of a message's row");
  return static_cast<uint32_t>(ReadNumber(key.substr(1)));
}

absl::StatusOr<ModseqAndUid> ParseModseqKey(absl::string_view key) {
  if (key.size() != 13) return Corrupt("a key of the change log");
  return ModseqAndUid{ReadNumber(key.substr(1, 8)),
                      static_cast<uint32_t>(ReadNumber(key.substr(9)))};
}

absl::StatusOr<TimeAndDelivery> ParseDeliveryTimeKey(absl::string_view key) {
  if (key.size() != 25) return Corrupt("a key of the delivery ids");
  return TimeAndDelivery{
      absl::FromUnixMicros(static_cast<int64_t>(ReadNumber(key.substr(1, 8)))),
      std::string(key.substr(9))};
}

absl::StatusOr<TimeAndUid> ParseRetrievedKey(absl::string_view key) {
  absl::StatusOr<ModseqAndUid> parts = ParseModseqKey(key);
  if (!parts.ok()) return Corrupt("a key of the times of retrieval");
  return TimeAndUid{absl::FromUnixMicros(static_cast<int64_t>(parts->modseq)), parts->uid};
}

std::string Encode(const Head& head) {
  format::MailboxHead record;
  record.set_owner(OctetsOf(head.owner));
  record.set_uidvalidity(head.uidvalidity);
  record.set_uid_next(head.uid_next);
  record.set_highest_modseq(head.highest_modseq);
  record.set_message_count(head.message_count);
  record.set_octets(head.octets);
  record.set_low_uid(head.low_uid);
  record.set_last_expunge_modseq(head.last_expunge_modseq);
  record.set_reclaimed_modseq(head.reclaimed_modseq);
  record.set_log_floor_modseq(head.log_floor_modseq);
  record.set_last_commit_fencing(head.last_commit_fencing);
  record.set_last_commit_deleted(head.last_commit_deleted);
  record.set_erasing(head.erasing);
  record.set_hidden_count(head.hidden_count);
  record.set_hidden_octets(head.hidden_octets);
  record.set_low_visible_uid(head.low_visible_uid);
  record.set_last_hide_modseq(head.last_hide_modseq);
  record.set_oldest_fencing(head.oldest_fencing);
  record.set_moves(head.moves);
  record.set_surrogate_excess(head.surrogate_excess);
  record.set_unseen_count(head.unseen_count);
  record.set_deleted_count(head.deleted_count);
  record.set_recent_count(head.recent_count);
  record.set_tombstone_count(head.tombstone_count);
  record.set_counted(head.counted);
  record.set_recent_from_uid(head.recent_from_uid);
  record.set_deleting(head.deleting);
  return record.SerializeAsString();
}

std::string Encode(const StoredRow& row) {
  format::MailboxRow record;
  Fill(row, record);
  return record.SerializeAsString();
}

std::string Encode(const ExpungedRow& row) {
  format::ExpungedRow record;
  Fill(row.row, *record.mutable_row());
  record.set_expunged_us(absl::ToUnixMicros(row.expunged));
  return record.SerializeAsString();
}

std::string Encode(const DeliveryRecord& delivery) {
  format::DeliveryRecord record;
  record.set_uid(delivery.uid);
  record.set_guid(OctetsOf(delivery.guid));
  record.set_uidvalidity(delivery.uidvalidity);
  record.set_accepted_us(absl::ToUnixMicros(delivery.accepted));
  record.set_own_uidl(delivery.own_uidl);
  record.set_uidl_replaced(delivery.uidl_replaced);
  return record.SerializeAsString();
}

absl::StatusOr<Head> DecodeHead(absl::string_view octets) {
  format::MailboxHead record;
  if (!Parse(octets, record)) return Corrupt("a mailbox's head");
  const std::optional<Id128> owner = Id128::FromOctets(record.owner());
  if (!owner || record.uid_next() == 0) return Corrupt("a mailbox's head");
  Head head;
  head.owner = *owner;
  head.uidvalidity = record.uidvalidity();
  head.uid_next = record.uid_next();
  head.highest_modseq = record.highest_modseq();
  head.message_count = record.message_count();
  head.octets = record.octets();
  head.low_uid = record.low_uid();
  head.last_expunge_modseq = record.last_expunge_modseq();
  head.reclaimed_modseq = record.reclaimed_modseq();
  head.log_floor_modseq = record.log_floor_modseq();
  head.last_commit_fencing = record.last_commit_fencing();
  head.last_commit_deleted = record.last_commit_deleted();
  head.erasing = record.erasing();
  head.hidden_count = record.hidden_count();
  head.hidden_octets = record.hidden_octets();
  head.low_visible_uid = record.low_visible_uid();
  head.last_hide_modseq = record.last_hide_modseq();
  head.oldest_fencing = record.oldest_fencing();
  head.moves = record.moves();
  head.surrogate_excess = record.surrogate_excess();
  head.unseen_count = record.unseen_count();
  head.deleted_count = record.deleted_count();
  head.recent_count = record.recent_count();
  head.tombstone_count = record.tombstone_count();
  head.counted = record.counted();
  head.recent_from_uid = record.recent_from_uid();
  head.deleting = record.deleting();
  return head;
}

absl::StatusOr<StoredRow> DecodeRow(absl::string_view octets) {
  StoredRow row;
  absl::Status decoded = DecodeRow(octets, row);
  if (!decoded.ok()) return decoded;
  return row;
}

absl::Status DecodeRow(absl::string_view octets, StoredRow& row) {
  // One for all rows of a thread: its strings keep their storage.
  thread_local format::MailboxRow record;
  if (!Parse(octets, record)) return Corrupt("a message's row");
  return FromRecord(record, row);
}

absl::StatusOr<ExpungedRow> DecodeExpunged(absl::string_view octets) {
  format::ExpungedRow record;
  if (!Parse(octets, record)) return Corrupt("an expunged message's row");
  ExpungedRow expunged;
  absl::Status decoded = FromRecord(record.row(), expunged.row);
  if (!decoded.ok()) return decoded;
  expunged.expunged = absl::FromUnixMicros(record.expunged_us());
  return expunged;
}

absl::StatusOr<DeliveryRecord> DecodeDelivery(absl::string_view octets) {
  format::DeliveryRecord record;
  if (!Parse(octets, record)) return Corrupt("a delivery's record");
  const std::optional<Id128> guid = Id128::FromOctets(record.guid());
  if (!guid) return Corrupt("a delivery's record");
  return DeliveryRecord{record.uid(),         *guid,
                        record.uidvalidity(), absl::FromUnixMicros(record.accepted_us()),
                        record.own_uidl(),    record.uidl_replaced()};
}

}  // namespace restante::store
