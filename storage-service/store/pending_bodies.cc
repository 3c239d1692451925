#include "storage-service/store/pending_bodies.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/store/format.pb.h"

namespace restante::store {
namespace {

constexpr engine::ShardId kPendingShard{engine::ShardId::Kind::kService, {}};
constexpr char kPrefix = 'p';
constexpr int kCommitTries = 5;

std::string KeyOf(const engine::BodyId& body) {
  return absl::StrCat(absl::string_view(&kPrefix, 1), body.AsOctets());
}

}  // namespace

Task<absl::Status> PendingBodies::Start() {
  engine::ScanRequest request;
  request.shard = kPendingShard;
  request.begin = std::string(1, kPrefix);
  while (true) {
    request.end = std::string(1, kPrefix + 1);
    using Page = absl::StatusOr<engine::ScanPage>;
    Page page =
        co_await Await<Page>([&](Done<Page> done) { engine_->Scan(request, std::move(done)); });
    if (!page.ok()) co_return page.status();
    {
      absl::MutexLock lock(&mutex_);
      for (const auto& [key, value] : page->entries) {
        if (const auto body = Id128::FromOctets(key.substr(1))) {
          doubtful_.push_back(*body);
        }
      }
    }
    if (page->next.empty()) co_return absl::OkStatus();
    request.begin = std::move(page->next);
  }
}

Task<absl::Status> PendingBodies::Add(engine::BodyId body) {
  absl::Status added = co_await Await<absl::Status>([&](Done<absl::Status> done) {
    Enqueue({body, true, std::move(done)});
  });
  co_return added;
}

void PendingBodies::Remove(engine::BodyId body) {
  // If this fails the reclaimer of the next opening finds the body needed.
  Enqueue({body, false, [](absl::Status) {}});
}

void PendingBodies::Doubt(engine::BodyId body) {
  {
    absl::MutexLock lock(&mutex_);
    doubtful_.push_back(body);
  }
  Enqueue({body, true, [](absl::Status) {}});
}

std::vector<engine::BodyId> PendingBodies::TakeDoubtful() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(doubtful_, {});
}

void PendingBodies::Enqueue(Entry entry) {
  {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(std::move(entry));
    if (writing_) return;
    writing_ = true;
  }
  Spawn(WriteQueue());
}

Task<void> PendingBodies::WriteQueue() {
  while (true) {
    std::vector<Entry> entries;
    {
      absl::MutexLock lock(&mutex_);
      entries.swap(queue_);
      if (entries.empty()) {
        writing_ = false;
        co_return;
      }
    }
    absl::Status written = co_await Write(&entries);
    for (Entry& entry : entries) std::move(entry.done)(written);
  }
}

Task<absl::Status> PendingBodies::Write(const std::vector<Entry>* entries) {
  format::PendingBody record;
  record.set_since_us(absl::ToUnixMicros(clock_->Now()));
  const std::string value = record.SerializeAsString();
  std::map<std::string, bool> last_words;
  for (const Entry& entry : *entries) last_words[KeyOf(entry.body)] = entry.listed;

  using Answer = absl::StatusOr<engine::Version>;
  Answer answer = absl::InternalError("not tried");
  for (int attempt = 0; attempt < kCommitTries; ++attempt) {
    if (!version_) {
      Answer version = co_await Await<Answer>(
          [&](Done<Answer> done) { engine_->GetVersion(kPendingShard, std::move(done)); });
      if (!version.ok()) co_return version.status();
      version_ = *version;
    }
    engine::CommitRequest request;
    request.shard = kPendingShard;
    request.expected = *version_;
    for (const auto& [key, listed] : last_words) {
      if (listed) {
        request.puts.emplace_back(key, value);
      } else {
        request.deletes.push_back(key);
      }
    }
    answer = co_await Await<Answer>(
        [&](Done<Answer> done) { engine_->Commit(std::move(request), std::move(done)); });
    if (answer.ok()) {
      version_ = *answer;
      co_return absl::OkStatus();
    }
    version_.reset();
    if (!absl::IsAborted(answer.status())) break;
  }
  co_return answer.status();
}

}  // namespace restante::store
