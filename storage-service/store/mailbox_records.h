// A mailbox's records: the keys of its shard and what stands under them. Only
// the translation between structs and octets; docs/storage-format.md is the
// description for people.
//
// Keys sort as the numbers in them do. Decoding fails with CORRUPT.
#pragma once

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

  friend bool operator==(const Head&, const Head&) = default;
};

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

  std::string Uidl() const;
  MessageRow AsMessage(uint32_t uid) const;
};

struct ExpungedRow {
  StoredRow row;
  absl::Time expunged;
};

struct DeliveryRecord {
  uint32_t uid = 0;
  Guid guid;
  uint32_t uidvalidity = 0;
  absl::Time accepted;
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

std::string HeadKey();
std::string RowKey(uint32_t uid);
// Of kChangePrefix, kExpungedPrefix, kTombstonePrefix.
std::string ModseqKey(char prefix, uint64_t modseq, uint32_t uid);
// Puts another MODSEQ into a key of ModseqKey.
void SetModseq(std::string& key, uint64_t modseq);
// `key` is 16 octets made of a delivery id.
std::string DeliveryKey(absl::string_view key);
std::string DeliveryTimeKey(absl::Time accepted, absl::string_view key);
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

std::string Encode(const Head& head);
std::string Encode(const StoredRow& row);
std::string Encode(const ExpungedRow& row);
std::string Encode(const DeliveryRecord& record);
absl::StatusOr<Head> DecodeHead(absl::string_view octets);
absl::StatusOr<StoredRow> DecodeRow(absl::string_view octets);
absl::StatusOr<ExpungedRow> DecodeExpunged(absl::string_view octets);
absl::StatusOr<DeliveryRecord> DecodeDelivery(absl::string_view octets);

inline engine::ShardId MailboxShard(const MailboxId& mailbox) {
  return {engine::ShardId::Kind::kMailbox, mailbox};
}

}  // namespace restante::store
