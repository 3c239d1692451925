// A mailbox's records: the keys of its shard and what stands under them. Only
// the translation between structs and octets; docs/storage-format.md is the
// description for people.
//
// Keys sort as the numbers in them do. Decoding fails with CORRUPT.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/types.h"

namespace restante::store {

// The head: a mailbox's counters. See format.proto for the fields.
struct Head {
  AccountId owner;
  uint32_t uidvalidity = 0;
  uint32_t uid_next = 1;
  uint64_t highest_modseq = 1;
  uint64_t message_count = 0;
  uint64_t octets = 0;
  uint32_t low_uid = 1;
  uint64_t last_expunge_modseq = 0;
  uint64_t reclaimed_modseq = 0;
  uint64_t log_floor_modseq = 0;
  uint64_t last_commit_fencing = 0;
  uint64_t last_commit_deleted = 0;
  bool erasing = false;
  uint64_t hidden_count = 0;
  uint64_t hidden_octets = 0;
  uint32_t low_visible_uid = 1;
  uint64_t last_hide_modseq = 0;
  uint64_t oldest_fencing = 0;
  uint64_t moves = 0;

  int64_t surrogate_excess = 0;

  // What IMAP tells of a mailbox. Exact once `counted` is set; in a mailbox that an
  // older release has written they count from there on, modulo 2^64
  // (mailbox_counters.h).
  uint64_t unseen_count = 0;
  uint64_t deleted_count = 0;
  uint64_t recent_count = 0;  // UIDs from recent_from_uid on
  uint64_t tombstone_count = 0;
  bool counted = false;
  uint32_t recent_from_uid = 0;

  bool deleting = false;

  // What POP3 sees.
  uint64_t visible_count() const { return message_count - hidden_count; }
  uint64_t visible_octets() const { return octets - hidden_octets; }
  // The same to sessions that don't take UTF-8.
  uint64_t visible_downgraded_octets() const {
    return visible_octets() + static_cast<uint64_t>(surrogate_excess);
  }
  // Where a scan of the rows that POP3 saw at this MODSEQ begins.
  uint32_t low_uid_for(uint64_t modseq) const {
    return last_hide_modseq > modseq ? low_uid : std::max(low_uid, low_visible_uid);
  }

  friend bool operator==(const Head&, const Head&) = default;
};

// Bits of StoredRow::flags.
inline constexpr uint32_t kSeenFlag = 1;
inline constexpr uint32_t kDeletedFlag = 8;

struct StoredRow {
  uint64_t modseq = 0;
  Guid guid;
  std::string own_uidl;  // empty: the one derived from the guid
  uint64_t octets = 0;
  uint64_t header_octets = 0;
  absl::Time internal_date;
  absl::Time save_date;
  uint32_t flags = 0;
  std::vector<std::string> keywords;
  bool has_dot_line = false;
  engine::BodyId body;
  uint64_t hidden_modseq = 0;                   // 0: POP3 shows it
  absl::Time hidden = absl::InfinitePast();     // InfinitePast: not, or that isn't known
  absl::Time retrieved = absl::InfinitePast();  // InfinitePast: not yet

  uint64_t downgraded_octets = 0;  // of the surrogate; 0: it has none

  // What a session is shown that takes UTF-8, or doesn't.
  uint64_t ShownOctets(bool utf8) const {
    return utf8 || downgraded_octets == 0 ? octets : downgraded_octets;
  }
  uint64_t surrogate_header_octets() const {
    return downgraded_octets == 0 ? 0 : downgraded_octets - (octets - header_octets);
  }
  // Of what is stored: the message, and behind it the header of its surrogate.
  uint64_t body_octets() const { return octets + surrogate_header_octets(); }

  bool was_retrieved() const { return retrieved > absl::InfinitePast(); }
  // Whether POP3 showed it at this MODSEQ.
  bool VisibleAt(uint64_t modseq) const { return hidden_modseq == 0 || hidden_modseq > modseq; }
  // The same message as a new one in a mailbox: without what it was only there.
  StoredRow AsNew(absl::Time saved) const;

  std::string Uidl() const;
  MessageRow AsMessage(uint32_t uid) const;
};

// What rows add to the counters of a head. Every commit that adds or removes rows,
// or changes what POP3 sees of them, changes the head through this.
struct RowTotals {
  uint64_t messages = 0;
  uint64_t octets = 0;
  uint64_t hidden_messages = 0;
  uint64_t hidden_octets = 0;
  int64_t surrogate_excess = 0;
  uint64_t unseen = 0;
  uint64_t deleted = 0;

  void Add(const StoredRow& row);
  void AddTo(Head& head) const;
  // Of new rows, whose UIDs from `first_uid` on are above all others.
  void AddNewTo(Head& head, uint32_t first_uid) const;
  void RemoveFrom(Head& head) const;
};

struct ExpungedRow {
  StoredRow row;
  absl::Time expunged;
};

// System flags with their backslash and keywords, into a row's; case doesn't matter,
// and a keyword stays as it was written first.
// INVALID_REQUEST names the one that can't be: no system flag that is stored, or no
// keyword of IMAP's (1 to 64 octets of an atom, at most 64 of them).
absl::Status SetFlags(const std::vector<std::string>& flags, StoredRow& row);

struct DeliveryRecord {
  uint32_t uid = 0;
  Guid guid;
  uint32_t uidvalidity = 0;
  absl::Time accepted;
  std::string own_uidl;  // empty: the one derived from the guid
  bool uidl_replaced = false;
};

// 22 characters of base64url: the same for the same guid, for ever.
std::string DerivedUidl(const Guid& guid);
// 1 to 70 characters of 0x21 to 0x7E (RFC 1939, section 7).
bool IsLegalUidl(absl::string_view uidl);

// First octets of keys.
inline constexpr char kHeadPrefix = 'h';
inline constexpr char kRowPrefix = 'r';
inline constexpr char kChangePrefix = 'c';
inline constexpr char kExpungedPrefix = 'x';   // holds its body still
inline constexpr char kTombstonePrefix = 't';  // for the change log and old lists
inline constexpr char kDeliveryPrefix = 'd';
inline constexpr char kDeliveryTimePrefix = 'i';
inline constexpr char kUidlPrefix = 'u';
inline constexpr char kExpungedUidPrefix = 'o';  // where the row that was is now
inline constexpr char kRetrievedPrefix = 'e';    // by the time of the first retrieval
inline constexpr char kMovePrefix = 'v';
inline constexpr char kFinishedMovePrefix = 'w';

std::string HeadKey();
std::string RowKey(uint32_t uid);
// Of kChangePrefix, kExpungedPrefix, kTombstonePrefix.
std::string ModseqKey(char prefix, uint64_t modseq, uint32_t uid);
// Puts another MODSEQ into a key of ModseqKey.
void SetModseq(std::string& key, uint64_t modseq);
// `key` is 16 octets made of a delivery id.
// For a UID: the MODSEQ, 8 octets, under which kExpungedPrefix has it.
std::string ExpungedUidKey(uint32_t uid);
std::string ModseqValue(uint64_t modseq);
absl::StatusOr<uint64_t> ParseModseqValue(absl::string_view value);
std::string UidlKey(absl::string_view uidl);
// What stands under it: the UID, 4 octets.
std::string UidValue(uint32_t uid);
absl::StatusOr<uint32_t> ParseUidValue(absl::string_view value);
std::string DeliveryKey(absl::string_view key);
std::string DeliveryTimeKey(absl::Time accepted, absl::string_view key);
std::string RetrievedKey(absl::Time retrieved, uint32_t uid);
std::string MoveKey(const MailboxId& from);
// Where the mailbox that messages were moved from has how many moves to there are
// finished; 8 octets, as of ModseqValue.
std::string FinishedMoveKey(const MailboxId& to);
// Greater than all keys with this prefix.
std::string EndOf(char prefix);

absl::StatusOr<uint32_t> ParseRowKey(absl::string_view key);
struct ModseqAndUid {
  uint64_t modseq = 0;
  uint32_t uid = 0;
};
absl::StatusOr<ModseqAndUid> ParseModseqKey(absl::string_view key);
struct TimeAndDelivery {
  absl::Time accepted;
  std::string key;  // 16 octets
};
absl::StatusOr<TimeAndDelivery> ParseDeliveryTimeKey(absl::string_view key);
struct TimeAndUid {
  absl::Time time;
  uint32_t uid = 0;
};
absl::StatusOr<TimeAndUid> ParseRetrievedKey(absl::string_view key);

std::string Encode(const Head& head);
std::string Encode(const StoredRow& row);
std::string Encode(const ExpungedRow& row);
std::string Encode(const DeliveryRecord& record);
absl::StatusOr<Head> DecodeHead(absl::string_view octets);
absl::StatusOr<StoredRow> DecodeRow(absl::string_view octets);
// The same into a row that was just made.
absl::Status DecodeRow(absl::string_view octets, StoredRow& row);
absl::StatusOr<ExpungedRow> DecodeExpunged(absl::string_view octets);
absl::StatusOr<DeliveryRecord> DecodeDelivery(absl::string_view octets);

inline engine::ShardId MailboxShard(const MailboxId& mailbox) {
  return {engine::ShardId::Kind::kMailbox, mailbox};
}

}  // namespace restante::store
