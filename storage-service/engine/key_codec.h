// The keys of the store on disk, and the checksum that each chunk carries:
// docs/storage-format.md. Integers in keys are big-endian, so that octet order is
// number order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage-service/engine/engine.h"

namespace restante::engine::keys {

// A shard's keys are adjacent: first its version record, then its entries.
std::string VersionRecord(const ShardId& shard);
std::string Entry(const ShardId& shard, absl::string_view key);
// The bounds of its entries: [EntriesBegin, EntriesEnd).
std::string EntriesBegin(const ShardId& shard);
std::string EntriesEnd(const ShardId& shard);
// Beyond the last key of a kind.
std::string KindEnd(ShardId::Kind kind);
// The first octets of a shard key that aren't the caller's.
inline constexpr size_t kEntryPrefix = 1 + 16 + 1;
// The shard that a key of this column family belongs to.
std::optional<Id128> ShardOf(absl::string_view key);

// A body's records, small and adjacent, without its data: one per chunk, whose
// value is the chunk's length, and one per reference.
std::string ChunkRecord(const BodyId& body, uint32_t index);
std::string ReferenceRecord(const BodyId& body, const BodyReference& reference);
std::string BodyRecordsBegin(const BodyId& body);
std::string ReferencesBegin(const BodyId& body);
std::string BodyRecordsEnd(const BodyId& body);
// Beyond the last record of any body.
std::string AllBodyRecordsEnd();

struct BodyRecord {
  BodyId body;
  std::optional<uint32_t> chunk;  // its index
  std::optional<BodyReference> reference;
};
std::optional<BodyRecord> ParseBodyRecord(absl::string_view key);

std::string EncodeLength(uint32_t octets);
std::optional<uint32_t> DecodeLength(absl::string_view value);

// A chunk's data, apart from the records: one key per chunk.
std::string Chunk(const BodyId& body, uint32_t index);
std::string ChunksBegin(const BodyId& body);
std::string ChunksEnd(const BodyId& body);

// A stored chunk is its data and a CRC-32 over key and data, so that data which
// ends up under another key is found out too.
std::string SealChunk(absl::string_view key, std::string data);
inline constexpr size_t kSealOctets = 4;
// The data, as a view of `stored`; nothing when the checksum differs.
std::optional<absl::string_view> OpenChunk(absl::string_view key, absl::string_view stored);

// Numbers in values: eight octets, big-endian.
std::string EncodeNumber(uint64_t number);
std::optional<uint64_t> DecodeNumber(absl::string_view value);

}  // namespace restante::engine::keys
