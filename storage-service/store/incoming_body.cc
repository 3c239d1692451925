#include "storage-service/store/incoming_body.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/errors.h"
#include "storage-service/store/store_failure.h"

namespace restante::store {
namespace {

constexpr size_t kChunk = engine::Engine::kChunkOctets;

}  // namespace

absl::Status TooLarge(uint64_t limit_octets) {
  absl::Status status =
      MakeError(v1::ERROR_REASON_TOO_LARGE,
                absl::StrCat("the message is too large; at most ", limit_octets, " octets"));
  SetErrorMetadata(status, "limit_octets", absl::StrCat(limit_octets));
  return status;
}

IncomingBody::IncomingBody(engine::Engine* engine, Bodies* bodies, PendingBodies* pending,
                           uint64_t max_octets, bool smtputf8)
    : engine_(engine),
      pending_(pending),
      max_octets_(max_octets),
      guid_(Guid::Random()),
      hold_(bodies, guid_) {
  if (smtputf8) surrogate_.emplace();
}

Task<absl::Status> IncomingBody::Append(std::string data) {
  absl::string_view rest = data;
  while (failure_.ok() && !rest.empty()) {
    const absl::string_view slice = rest.substr(0, kChunk);
    rest.remove_prefix(slice.size());
    Normalise(slice);
    if (normaliser_.octets() > max_octets_) {
      failure_ = TooLarge(max_octets_);
      break;
    }
    // What may be the last chunk stays here: it goes out with the rows.
    while (failure_.ok() && buffer_.size() > kChunk) {
      absl::Status flushed = co_await FlushChunk();
      failure_ = WithReason(flushed);
    }
  }
  if (!failure_.ok()) buffer_ = {};
  co_return failure_;
}

Task<absl::Status> IncomingBody::End(bool flush) {
  const size_t before = buffer_.size();
  normaliser_.Finish(buffer_);
  if (matcher_ != nullptr) {
    matcher_->Feed(absl::string_view(buffer_).substr(before));
    matcher_->Finish();
  }
  if (surrogate_) {
    surrogate_->Feed(absl::string_view(buffer_).substr(before));
    surrogate_->Finish();
    buffer_ += surrogate_->header();
  }
  if (failure_.ok() && normaliser_.octets() > max_octets_) failure_ = TooLarge(max_octets_);
  while (failure_.ok() && (buffer_.size() > kChunk || (flush && !buffer_.empty()))) {
    absl::Status flushed = co_await FlushChunk();
    failure_ = WithReason(flushed);
  }
  co_return failure_;
}

Task<absl::Status> IncomingBody::FlushChunk() {
  if (!listed_) {
    absl::Status listed = co_await pending_->Add(guid_);
    if (!listed.ok()) co_return listed;
    listed_ = true;
  }
  std::string chunk = buffer_.substr(0, kChunk);
  buffer_.erase(0, chunk.size());
  absl::Status put = co_await Await<absl::Status>([&](Done<absl::Status> done) {
    engine_->PutChunk(guid_, chunks_++, std::move(chunk), std::move(done));
  });
  co_return put;
}

void IncomingBody::Normalise(absl::string_view data) {
  const size_t before = buffer_.size();
  normaliser_.Feed(data, buffer_);
  if (matcher_ != nullptr) matcher_->Feed(absl::string_view(buffer_).substr(before));
  if (surrogate_) surrogate_->Feed(absl::string_view(buffer_).substr(before));
}

absl::Status IncomingBody::PutLastChunk() {
  if (buffer_.empty()) return absl::OkStatus();
  struct Answer {
    absl::Mutex mutex;
    absl::Status status ABSL_GUARDED_BY(mutex);
  };
  // Not waited for: the commits behind it make it durable, or fail. A chunk that
  // the engine refuses, it refuses at once.
  auto answer = std::make_shared<Answer>();
  engine_->PutChunk(guid_, chunks_++, std::exchange(buffer_, {}),
                    [answer](absl::Status status) {
                      absl::MutexLock lock(&answer->mutex);
                      answer->status = std::move(status);
                    });
  absl::MutexLock lock(&answer->mutex);
  return answer->status;
}

StoredRow IncomingBody::Row() const {
  StoredRow row;
  row.guid = row.body = guid_;
  row.octets = normaliser_.octets();
  row.header_octets = normaliser_.header_octets();
  if (surrogate_ && surrogate_->needed()) {
    row.downgraded_octets = surrogate_->header().size() + row.octets - row.header_octets;
  }
  row.has_dot_line = normaliser_.has_dot_line();
  return row;
}

void IncomingBody::Written() {
  if (listed_) pending_->Remove(guid_);
}

void IncomingBody::NotWritten(bool referenced) {
  if (chunks_ > 0 || referenced) engine_->EraseBody(guid_, [](absl::Status) {});
  if (listed_) pending_->Remove(guid_);
}

void IncomingBody::InDoubt() { pending_->Doubt(guid_); }

}  // namespace restante::store
