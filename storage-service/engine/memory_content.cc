#include "storage-service/engine/memory_content.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace restante::engine {

std::optional<std::string> MemoryContent::Get(const ShardId& shard,
                                              const std::string& key) const {
  const auto found = shards_.find(shard);
  if (found == shards_.end()) return std::nullopt;
  const auto entry = found->second.entries.find(key);
  if (entry == found->second.entries.end()) return std::nullopt;
  return entry->second;
}

ScanPage MemoryContent::Scan(const ScanRequest& request) const {
  ScanPage page;
  const auto found = shards_.find(request.shard);
  if (found == shards_.end()) return page;
  const auto& entries = found->second.entries;
  size_t octets = 0;
  for (auto entry = entries.lower_bound(request.begin); entry != entries.end(); ++entry) {
    if (!request.end.empty() && entry->first >= request.end) break;
    if (page.entries.size() >= request.max_entries || octets >= request.max_octets) {
      page.next = entry->first;
      break;
    }
    octets += entry->first.size() + entry->second.size();
    page.Add(entry->first, entry->second);
  }
  return page;
}

Version MemoryContent::GetVersion(const ShardId& shard) const {
  const auto found = shards_.find(shard);
  return found == shards_.end() ? 0 : found->second.version;
}

std::vector<Id128> MemoryContent::ListShards(ShardId::Kind kind, const Id128& after,
                                             size_t limit) const {
  std::vector<Id128> ids;
  // The zero id, which only the service's shard has, is never "after" anything.
  auto shard = after.IsZero() ? shards_.lower_bound(ShardId{kind, after})
                              : shards_.upper_bound(ShardId{kind, after});
  for (; shard != shards_.end() && shard->first.kind == kind && ids.size() < limit; ++shard) {
    ids.push_back(shard->first.id);
  }
  return ids;
}

absl::StatusOr<std::string> MemoryContent::ReadBody(const BodyId& body, uint64_t offset,
                                                    size_t length) const {
  std::string data;
  if (const auto found = bodies_.find(body); found != bodies_.end()) {
    while (length > 0 && offset / Engine::kChunkOctets <= UINT32_MAX) {
      const auto chunk =
          found->second.chunks.find(static_cast<uint32_t>(offset / Engine::kChunkOctets));
      const size_t skip = offset % Engine::kChunkOctets;
      if (chunk == found->second.chunks.end() || chunk->second->size() <= skip) break;
      const size_t take = std::min(length, chunk->second->size() - skip);
      data.append(*chunk->second, skip, take);
      if (chunk->second->size() < Engine::kChunkOctets) break;
      offset += take;
      length -= take;
    }
  }
  if (data.empty()) {
    return absl::NotFoundError(
        absl::StrCat("body ", body.ToHex(), " has no octet at offset ", offset));
  }
  return data;
}

std::vector<BodyReference> MemoryContent::GetReferences(const BodyId& body) const {
  const auto found = bodies_.find(body);
  if (found == bodies_.end()) return {};
  return {found->second.references.begin(), found->second.references.end()};
}

std::vector<BodyInfo> MemoryContent::ListBodies(const BodyId& after, size_t limit) const {
  std::vector<BodyInfo> page;
  auto body = after.IsZero() ? bodies_.begin() : bodies_.upper_bound(after);
  for (; body != bodies_.end() && page.size() < limit; ++body) {
    BodyInfo info{.body = body->first};
    for (const auto& [index, chunk] : body->second.chunks) info.octets += chunk->size();
    info.references.assign(body->second.references.begin(), body->second.references.end());
    page.push_back(std::move(info));
  }
  return page;
}

absl::Status MemoryContent::CheckNeighbours(const BodyId& body, uint32_t index,
                                            size_t octets) const {
  const auto found = bodies_.find(body);
  if (found == bodies_.end()) return absl::OkStatus();
  const auto& chunks = found->second.chunks;
  const auto before = index == 0 ? chunks.end() : chunks.find(index - 1);
  const bool short_before =
      before != chunks.end() && before->second->size() < Engine::kChunkOctets;
  const bool short_with_next = octets < Engine::kChunkOctets && chunks.contains(index + 1);
  if (!short_before && !short_with_next) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                   absl::StrCat("chunk ", short_before ? index - 1 : index, " of body ",
                                body.ToHex(), " is short and not the last one"));
}

void MemoryContent::Apply(const BodyId& body, const BodyChange& change, Bodies& bodies) {
  if (std::holds_alternative<Erase>(change)) {
    bodies.erase(body);
  } else if (const auto* put = std::get_if<PutChunk>(&change)) {
    bodies[body].chunks.insert_or_assign(put->index, put->data);
  } else if (const auto* add = std::get_if<AddReference>(&change)) {
    bodies[body].references.insert(add->reference);
  } else if (const auto* remove = std::get_if<RemoveReference>(&change)) {
    const auto found = bodies.find(body);
    if (found == bodies.end()) return;
    found->second.references.erase(remove->reference);
    if (found->second.references.empty() && found->second.chunks.empty()) bodies.erase(found);
  }
}

void MemoryContent::Change(const BodyId& body, BodyChange change) {
  Apply(body, change, bodies_);
  volatile_changes_.emplace_back(body, std::move(change));
  ++changes_;
}

absl::StatusOr<Version> MemoryContent::Commit(const CommitRequest& request,
                                              uint64_t changes_before) {
  const Version current = GetVersion(request.shard);
  if (current != request.expected) {
    return absl::AbortedError(absl::StrCat("shard ", request.shard.id.ToHex(),
                                           " is at version ", current, ", not ",
                                           request.expected));
  }
  uint64_t oldest = changes_ - volatile_changes_.size();
  for (; oldest < changes_before; ++oldest) {
    Apply(volatile_changes_.front().first, volatile_changes_.front().second, durable_bodies_);
    volatile_changes_.pop_front();
  }
  if (request.erase_shard && request.puts.empty()) {
    shards_.erase(request.shard);
    return 0;
  }
  Shard& shard = shards_[request.shard];
  if (request.erase_shard) shard.entries.clear();
  for (const std::string& key : request.deletes) shard.entries.erase(key);
  for (const auto& [key, value] : request.puts) shard.entries.insert_or_assign(key, value);
  return ++shard.version;
}

MemoryContent MemoryContent::Durable() const {
  MemoryContent content;
  content.shards_ = shards_;
  content.bodies_ = durable_bodies_;
  content.durable_bodies_ = durable_bodies_;
  return content;
}

}  // namespace restante::engine
