#include "storage-service/engine/request_checks.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace restante::engine {
namespace {

absl::Status Invalid(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST, message);
}

}  // namespace

absl::Status CheckKey(const std::string& key) {
  if (key.empty()) return Invalid("a shard's key is empty; it has at least one octet");
  return absl::OkStatus();
}

absl::Status CheckScan(const ScanRequest& request) {
  if (request.max_entries == 0 || request.max_octets == 0) {
    return Invalid("a scan for a page of nothing; max_entries and max_octets are at least 1");
  }
  return absl::OkStatus();
}

absl::Status CheckCommit(const CommitRequest& request) {
  if (request.erase_shard && !request.deletes.empty()) {
    return Invalid("a commit that erases its shard names keys to delete as well");
  }
  for (const auto& [key, value] : request.puts) {
    if (absl::Status status = CheckKey(key); !status.ok()) return status;
  }
  for (const std::string& key : request.deletes) {
    if (absl::Status status = CheckKey(key); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckChunk(size_t octets) {
  if (octets <= Engine::kChunkOctets) return absl::OkStatus();
  return Invalid(
      absl::StrCat("a chunk of ", octets, " octets; at most ", Engine::kChunkOctets));
}

absl::Status CheckRead(size_t length) {
  if (length > 0 && length <= Engine::kChunkOctets) return absl::OkStatus();
  return Invalid(
      absl::StrCat("a read of ", length, " octets; 1 to ", Engine::kChunkOctets, " at once"));
}

absl::Status CheckLimit(size_t limit) {
  if (limit > 0) return absl::OkStatus();
  return Invalid("a page of nothing; the limit is at least 1");
}

size_t OctetsOf(const CommitRequest& request) {
  size_t octets = 0;
  for (const auto& [key, value] : request.puts) octets += key.size() + value.size();
  for (const std::string& key : request.deletes) octets += key.size();
  return octets;
}

}  // namespace restante::engine
