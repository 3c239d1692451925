#include "storage-service/engine/key_codec.h"

#include <zlib.h>

#include <utility>

namespace restante::engine::keys {
namespace {

// Numbers on disk: they never change.
constexpr char kVersionTag = '\x00';
constexpr char kEntryTag = '\x01';
constexpr char kBodyRecords = '\x01';
constexpr char kBodyChunks = '\x02';
constexpr char kChunkTag = '\x01';
constexpr char kReferenceTag = '\x02';
constexpr char kPastAllTags = '\xFF';

template <typename Integer>
void AppendBigEndian(std::string& out, Integer number) {
  for (int shift = 8 * (sizeof(Integer) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((number >> shift) & 0xFF));
  }
}

template <typename Integer>
Integer ReadBigEndian(absl::string_view octets) {
  Integer number = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    number = static_cast<Integer>((number << 8) | static_cast<uint8_t>(octets[i]));
  }
  return number;
}

std::string WithTag(char first, const Id128& id, char tag) {
  std::string key;
  key.reserve(64);
  key.push_back(first);
  key.append(id.AsOctets().data(), id.AsOctets().size());
  key.push_back(tag);
  return key;
}

std::string ShardKey(const ShardId& shard, char tag) {
  return WithTag(static_cast<char>(shard.kind), shard.id, tag);
}

uint32_t Checksum(absl::string_view key, absl::string_view data) {
  uLong crc = crc32(0, nullptr, 0);
  crc = crc32_z(crc, reinterpret_cast<const Bytef*>(key.data()), key.size());
  crc = crc32_z(crc, reinterpret_cast<const Bytef*>(data.data()), data.size());
  return static_cast<uint32_t>(crc);
}

}  // namespace

std::string VersionRecord(const ShardId& shard) { return ShardKey(shard, kVersionTag); }

std::string Entry(const ShardId& shard, absl::string_view key) {
  std::string entry = ShardKey(shard, kEntryTag);
  entry.append(key.data(), key.size());
  return entry;
}

std::string EntriesBegin(const ShardId& shard) { return ShardKey(shard, kEntryTag); }

std::string EntriesEnd(const ShardId& shard) { return ShardKey(shard, kPastAllTags); }

std::string KindEnd(ShardId::Kind kind) {
  return std::string(1, static_cast<char>(static_cast<uint8_t>(kind) + 1));
}

std::optional<Id128> ShardOf(absl::string_view key) {
  if (key.size() < kEntryPrefix) return std::nullopt;
  return Id128::FromOctets(key.substr(1, 16));
}

std::string ChunkRecord(const BodyId& body, uint32_t index) {
  std::string key = WithTag(kBodyRecords, body, kChunkTag);
  AppendBigEndian(key, index);
  return key;
}

std::string ReferenceRecord(const BodyId& body, const BodyReference& reference) {
  std::string key = WithTag(kBodyRecords, body, kReferenceTag);
  key.append(reference.mailbox.AsOctets().data(), 16);
  AppendBigEndian(key, reference.uid);
  return key;
}

std::string BodyRecordsBegin(const BodyId& body) {
  return WithTag(kBodyRecords, body, kChunkTag);
}

std::string ReferencesBegin(const BodyId& body) {
  return WithTag(kBodyRecords, body, kReferenceTag);
}

std::string BodyRecordsEnd(const BodyId& body) {
  return WithTag(kBodyRecords, body, kPastAllTags);
}

std::string AllBodyRecordsEnd() { return std::string(1, kBodyChunks); }

std::optional<BodyRecord> ParseBodyRecord(absl::string_view key) {
  constexpr size_t kPrefix = 1 + 16 + 1;
  if (key.size() < kPrefix || key[0] != kBodyRecords) return std::nullopt;
  BodyRecord record{.body = *Id128::FromOctets(key.substr(1, 16))};
  const absl::string_view rest = key.substr(kPrefix);
  if (key[kPrefix - 1] == kChunkTag && rest.size() == 4) {
    record.chunk = ReadBigEndian<uint32_t>(rest);
  } else if (key[kPrefix - 1] == kReferenceTag && rest.size() == 20) {
    record.reference = BodyReference{*Id128::FromOctets(rest.substr(0, 16)),
                                     ReadBigEndian<uint32_t>(rest.substr(16))};
  } else {
    return std::nullopt;
  }
  return record;
}

std::string EncodeLength(uint32_t octets) {
  std::string value;
  AppendBigEndian(value, octets);
  return value;
}

std::optional<uint32_t> DecodeLength(absl::string_view value) {
  if (value.size() != 4) return std::nullopt;
  return ReadBigEndian<uint32_t>(value);
}

std::string Chunk(const BodyId& body, uint32_t index) {
  std::string key;
  key.reserve(32);
  key.push_back(kBodyChunks);
  key.append(body.AsOctets().data(), 16);
  AppendBigEndian(key, index);
  return key;
}

std::string ChunksBegin(const BodyId& body) { return Chunk(body, 0); }

std::string ChunksEnd(const BodyId& body) {
  std::string key = Chunk(body, UINT32_MAX);
  key.push_back('\0');
  return key;
}

std::string SealChunk(absl::string_view key, std::string data) {
  AppendBigEndian(data, Checksum(key, data));
  return data;
}

std::optional<absl::string_view> OpenChunk(absl::string_view key, absl::string_view stored) {
  if (stored.size() < kSealOctets) return std::nullopt;
  const absl::string_view data = stored.substr(0, stored.size() - kSealOctets);
  const uint32_t seal = ReadBigEndian<uint32_t>(stored.substr(data.size()));
  if (seal != Checksum(key, data)) return std::nullopt;
  return data;
}

std::string EncodeNumber(uint64_t number) {
  std::string value;
  AppendBigEndian(value, number);
  return value;
}

std::optional<uint64_t> DecodeNumber(absl::string_view value) {
  if (value.size() != 8) return std::nullopt;
  return ReadBigEndian<uint64_t>(value);
}

}  // namespace restante::engine::keys
