// An engine that is wrong on purpose: it writes a body only after the commit that was to
// make it durable. Everything else goes to a right one. For the test that shows that such
// an engine would be found out.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/engine/engine.h"

namespace restante::engine {

class RowFirstEngine final : public Engine {
 public:
  explicit RowFirstEngine(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

  uint64_t epoch() const override { return engine_->epoch(); }
  void Get(const ShardId& shard, std::string key,
           Done<absl::StatusOr<std::optional<std::string>>> done) override {
    engine_->Get(shard, std::move(key), std::move(done));
  }
  void Scan(ScanRequest request, Done<absl::StatusOr<ScanPage>> done) override {
    engine_->Scan(std::move(request), std::move(done));
  }
  void GetVersion(const ShardId& shard, Done<absl::StatusOr<Version>> done) override {
    engine_->GetVersion(shard, std::move(done));
  }
  void Commit(CommitRequest request, Done<absl::StatusOr<Version>> done) override {
    engine_->Commit(std::move(request),
                    [this, done = std::move(done)](absl::StatusOr<Version> version) mutable {
                      for (const auto& write : Held()) write();
                      std::move(done)(std::move(version));
                    });
  }
  void PutChunk(const BodyId& body, uint32_t index, std::string data,
                Done<absl::Status> done) override {
    Hold([this, body, index, data = std::move(data)] {
      engine_->PutChunk(body, index, data, [](absl::Status) {});
    });
    std::move(done)(absl::OkStatus());
  }
  void ReadBody(const BodyId& body, uint64_t offset, size_t length,
                Done<absl::StatusOr<std::string>> done) override {
    engine_->ReadBody(body, offset, length, std::move(done));
  }
  void AddReference(const BodyId& body, const BodyReference& reference,
                    Done<absl::Status> done) override {
    engine_->AddReference(body, reference, std::move(done));
  }
  void RemoveReference(const BodyId& body, const BodyReference& reference,
                       Done<absl::Status> done) override {
    engine_->RemoveReference(body, reference, std::move(done));
  }
  void GetReferences(const BodyId& body,
                     Done<absl::StatusOr<std::vector<BodyReference>>> done) override {
    engine_->GetReferences(body, std::move(done));
  }
  void EraseBody(const BodyId& body, Done<absl::Status> done) override {
    engine_->EraseBody(body, std::move(done));
  }
  void ListShards(ShardId::Kind kind, const Id128& after, size_t limit,
                  Done<absl::StatusOr<std::vector<Id128>>> done) override {
    engine_->ListShards(kind, after, limit, std::move(done));
  }
  void ListBodies(const BodyId& after, size_t limit,
                  Done<absl::StatusOr<std::vector<BodyInfo>>> done) override {
    engine_->ListBodies(after, limit, std::move(done));
  }
  absl::Status CheckRoom() const override { return engine_->CheckRoom(); }
  void Purge(Done<absl::Status> done) override { engine_->Purge(std::move(done)); }
  std::map<std::string, double> Stats() const override { return engine_->Stats(); }

 private:
  void Hold(std::function<void()> write) {
    absl::MutexLock lock(&mutex_);
    held_.push_back(std::move(write));
  }
  std::vector<std::function<void()>> Held() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(held_, {});
  }

  absl::Mutex mutex_;
  std::vector<std::function<void()>> held_ ABSL_GUARDED_BY(mutex_);
  // Last: what it completes while it ends is held no more.
  std::unique_ptr<Engine> engine_;
};

}  // namespace restante::engine
