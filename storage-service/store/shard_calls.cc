#include "storage-service/store/shard_calls.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace restante::store {

Task<absl::StatusOr<std::optional<std::string>>> GetKey(engine::Engine* engine,
                                                        engine::ShardId shard,
                                                        std::string key) {
  using Result = absl::StatusOr<std::optional<std::string>>;
  auto get = Await<Result>([engine, &shard, &key](Done<Result> done) {
    engine->Get(shard, std::move(key), std::move(done));
  });
  Result result = co_await get;
  co_return result;
}

Task<absl::StatusOr<engine::ScanPage>> ScanKeys(engine::Engine* engine,
                                                engine::ScanRequest request) {
  using Result = absl::StatusOr<engine::ScanPage>;
  auto scan = Await<Result>([engine, &request](Done<Result> done) {
    engine->Scan(std::move(request), std::move(done));
  });
  Result result = co_await scan;
  co_return result;
}

Task<absl::StatusOr<engine::Version>> ShardVersion(engine::Engine* engine,
                                                   engine::ShardId shard) {
  using Result = absl::StatusOr<engine::Version>;
  auto get = Await<Result>(
      [engine, &shard](Done<Result> done) { engine->GetVersion(shard, std::move(done)); });
  Result result = co_await get;
  co_return result;
}

Task<absl::StatusOr<engine::Version>> CommitShard(engine::Engine* engine,
                                                  engine::CommitRequest request) {
  using Result = absl::StatusOr<engine::Version>;
  auto commit = Await<Result>([engine, &request](Done<Result> done) {
    engine->Commit(std::move(request), std::move(done));
  });
  Result result = co_await commit;
  co_return result;
}

Task<absl::StatusOr<std::vector<Id128>>> ShardIds(engine::Engine* engine,
                                                  engine::ShardId::Kind kind, Id128 after,
                                                  size_t limit) {
  using Result = absl::StatusOr<std::vector<Id128>>;
  auto list = Await<Result>([engine, kind, &after, limit](Done<Result> done) {
    engine->ListShards(kind, after, limit, std::move(done));
  });
  Result result = co_await list;
  co_return result;
}

Task<absl::Status> WriteKey(engine::Engine* engine, engine::ShardId shard, std::string key,
                            std::optional<std::string> value) {
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine, shard);
    if (!version.ok()) co_return version.status();
    engine::CommitRequest request{shard, *version};
    if (value) {
      request.puts.emplace_back(key, *value);
    } else {
      request.deletes.push_back(key);
    }
    const auto committed = co_await CommitShard(engine, std::move(request));
    if (!absl::IsAborted(committed.status())) co_return committed.status();
  }
  co_return TooMuchContention();
}

absl::Status TooMuchContention() {
  return OverloadedError("too many changes of one account or address at once",
                         absl::Milliseconds(200));
}

absl::Status CorruptRecord(absl::string_view what) {
  return MakeError(v1::ERROR_REASON_CORRUPT, absl::StrCat(what, " can't be decoded"));
}

}  // namespace restante::store
