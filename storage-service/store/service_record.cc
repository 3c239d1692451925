#include "storage-service/store/service_record.h"

#include <openssl/rand.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/format.pb.h"
#include "storage-service/store/tokens.h"

namespace restante::store {
namespace {

constexpr uint32_t kFormatVersion = 1;
constexpr engine::ShardId kShard{engine::ShardId::Kind::kService, {}};
constexpr char kKey[] = "s";

}  // namespace

Task<absl::StatusOr<ServiceFacts>> ReadOrMakeServiceRecord(engine::Engine* engine) {
  using Version = absl::StatusOr<engine::Version>;
  Version version = co_await Await<Version>(
      [&](Done<Version> done) { engine->GetVersion(kShard, std::move(done)); });
  if (!version.ok()) co_return version.status();
  using Value = absl::StatusOr<std::optional<std::string>>;
  Value value = co_await Await<Value>(
      [&](Done<Value> done) { engine->Get(kShard, kKey, std::move(done)); });
  if (!value.ok()) co_return value.status();

  format::ServiceRecord record;
  if (value->has_value()) {
    if (!record.ParseFromString(**value)) {
      co_return MakeError(v1::ERROR_REASON_CORRUPT, "can't decode the store's own record");
    }
    if (record.format_version() != kFormatVersion) {
      co_return absl::FailedPreconditionError(
          absl::StrCat("the store has format version ", record.format_version(),
                       "; this release knows version ", kFormatVersion,
                       ". Use a release that knows it; nothing was changed"));
    }
    if (record.token_key().size() != TokenSealer::kKeyOctets) {
      co_return MakeError(v1::ERROR_REASON_CORRUPT, "the store's token key is damaged");
    }
    co_return ServiceFacts{record.token_key()};
  }

  std::string key(TokenSealer::kKeyOctets, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) !=
      1) {
    co_return absl::InternalError("the system has no random numbers for the token key");
  }
  record.set_format_version(kFormatVersion);
  record.set_token_key(key);
  engine::CommitRequest request;
  request.shard = kShard;
  request.expected = *version;
  request.puts.emplace_back(kKey, record.SerializeAsString());
  Version written = co_await Await<Version>(
      [&](Done<Version> done) { engine->Commit(std::move(request), std::move(done)); });
  if (!written.ok()) co_return written.status();
  co_return ServiceFacts{std::move(key)};
}

}  // namespace restante::store
