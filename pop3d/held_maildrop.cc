// How a session holds its maildrop, what it tells the storage service of retrievals, and
// how it lets go: without ever waiting.
#include <utility>

#include "pop3d/link_port.h"

namespace restante::pop3 {
namespace {

// Bounds for what waits for a link that is down. What goes beyond is forgotten: messages
// are kept longer than their policy says, which loses nothing.
constexpr int kMostUntold = 1024;
constexpr size_t kMostLastWords = 1024;

}  // namespace

HeldMaildrop::HeldMaildrop(LinkPort& port, std::string session_token)
    : port_(port), session_token_(std::move(session_token)), held_on_(port.stream_number_) {
  port_.held_.insert(this);
}

HeldMaildrop::~HeldMaildrop() { Close(); }

void HeldMaildrop::Close(v1::CloseRequest last_words) {
  if (closed_) return;
  Forget();
  last_words.mutable_retrieved_uids()->MergeFrom(untold_);
  if (status_.ok() || !last_words.retrieved_uids().empty()) {
    port_.SendClose(session_token_, std::move(last_words));
  }
}

void HeldMaildrop::Forget() {
  closed_ = true;
  port_.held_.erase(this);
  port_.resuming_.erase(resume_id_);
  port_.telling_.erase(tell_id_);
}

void HeldMaildrop::TellRetrieved(const UidRanges& uids) {
  if (closed_ || untold_.size() + uids.size() > kMostUntold) return;
  untold_.MergeFrom(uids);
  SendUntold();
}

void HeldMaildrop::SendUntold() {
  if (untold_.empty() || tell_id_ != 0 || port_.stream_ == nullptr) return;
  // Until it is resumed, nothing may overtake that.
  if (!status_.ok() || held_on_ != port_.stream_number_) return;
  v1::Operation operation;
  operation.mutable_mark_retrieved()->set_session_token(session_token_);
  *operation.mutable_mark_retrieved()->mutable_retrieved_uids() = untold_;
  telling_ = untold_.size();
  tell_id_ = port_.Send(std::move(operation));
  port_.telling_.emplace(tell_id_, this);
}

void HeldMaildrop::TakeToldResult(bool taken) {
  tell_id_ = 0;
  // What wasn't taken is told again with what comes next, or at the end.
  if (!taken) return;
  untold_.DeleteSubrange(0, telling_);
  SendUntold();
}

void LinkPort::SendClose(const std::string& session_token, v1::CloseRequest request) {
  request.set_session_token(session_token);
  if (stream_ == nullptr) {
    KeepLastWords(std::move(request));
    return;
  }
  v1::Operation operation;
  *operation.mutable_close() = request;
  const uint64_t id = Send(std::move(operation));
  if (!request.retrieved_uids().empty()) closing_.emplace(id, std::move(request));
}

void LinkPort::KeepLastWords(v1::CloseRequest request) {
  // Without them there is nothing to do: a session that isn't resumed ends.
  if (request.retrieved_uids().empty()) return;
  if (last_words_.size() == kMostLastWords) last_words_.pop_front();
  last_words_.push_back(std::move(request));
}

}  // namespace restante::pop3
