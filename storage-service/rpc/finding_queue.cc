#include "storage-service/rpc/finding_queue.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/rpc/convert.h"

namespace restante::rpc {

void FindingQueue::Report(store::VerifyFinding finding) {
  {
    absl::MutexLock lock(&mutex_);
    if (discarding_) return;
    if (waiting_.size() >= kMostWaitingFindings) {
      ++left_out_;
      return;
    }
    ToProto(std::move(finding), waiting_.emplace_back().mutable_finding());
  }
  Wake();
}

void FindingQueue::End(absl::StatusOr<store::VerifySummary> summary) {
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    status_ = summary.status();
    if (left_out_ > 0) {
      store::VerifyFinding finding;
      finding.where = "verify";
      finding.message = absl::StrCat(
          left_out_, " more findings were not sent: they came faster than they were read");
      ToProto(std::move(finding), waiting_.emplace_back().mutable_finding());
    }
    if (summary.ok()) ToProto(*summary, waiting_.emplace_back().mutable_summary());
    if (discarding_) waiting_.clear();
  }
  Wake();
}

Task<std::optional<v1::VerifyResponse>> FindingQueue::Next() {
  auto arrival = Await<Item>([this](Done<Item> done) { AwaitItem(std::move(done)); });
  Item item = co_await arrival;
  co_return item;
}

void FindingQueue::Discard() {
  absl::MutexLock lock(&mutex_);
  discarding_ = true;
  waiting_.clear();
}

absl::Status FindingQueue::status() const {
  absl::MutexLock lock(&mutex_);
  return status_;
}

void FindingQueue::AwaitItem(Done<Item> done) {
  {
    absl::MutexLock lock(&mutex_);
    reader_ = std::move(done);
  }
  Wake();
}

void FindingQueue::Wake() {
  Done<Item> reader;
  Item item;
  {
    absl::MutexLock lock(&mutex_);
    if (!reader_ || !Ready()) return;
    item = Take();
    reader = std::move(reader_);
    reader_ = nullptr;
  }
  std::move(reader)(std::move(item));
}

FindingQueue::Item FindingQueue::Take() {
  if (waiting_.empty()) return std::nullopt;
  Item item = std::move(waiting_.front());
  waiting_.pop_front();
  return item;
}

}  // namespace restante::rpc
