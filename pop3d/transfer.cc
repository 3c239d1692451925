#include "pop3d/transfer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "pop3d/faults.h"

namespace restante::pop3 {
namespace {

// Before a Read is tried again that the transport refused.
constexpr std::chrono::milliseconds kRetryPause(50);
constexpr int kTriesOfUnknownSession = 2;

// Pieces of this size or more are sent from where they are, without TLS.
constexpr size_t kLargePiece = 16 * 1024;
// What is copied into the output at a time.
constexpr size_t kSlice = 8 * 1024;

Transfer::Result Refused(absl::Status status) {
  return {Transfer::Result::Kind::kRefused, std::move(status), 0};
}

Transfer::Result Cut(absl::Status status) {
  return {Transfer::Result::Kind::kCut, std::move(status), 0};
}

// Whether the same Read may succeed a moment later.
bool MayPass(const absl::Status& status, int tries) {
  switch (ReasonOf(status)) {
    case v1::ERROR_REASON_UNSPECIFIED:
      return absl::IsUnavailable(status);
    // A service that went away and came back doesn't know the session before it is
    // resumed, which begins when the link finds out.
    case v1::ERROR_REASON_LEASE_LOST:
    case v1::ERROR_REASON_BAD_TOKEN:
      return tries < kTriesOfUnknownSession;
    default:
      return false;
  }
}

absl::Status ClientGone() { return absl::CancelledError("the client is gone"); }

}  // namespace

Transfer::Transfer(Connection& connection, LinkPort& link, HeldMaildrop& maildrop)
    : ReadSlot(link.read_slots()), connection_(connection), link_(link), maildrop_(maildrop) {}

Transfer::~Transfer() { Drop(); }

bool Transfer::Expects(const Part& part) const {
  return next_ < parts_.size() && parts_[next_] == part;
}

void Transfer::Plan(std::vector<Part> parts, bool wanted_ahead) {
  Drop();
  parts_ = std::move(parts);
  next_ = 0;
  wanted_ahead_ = wanted_ahead;
}

asio::awaitable<Transfer::Result> Transfer::Send(Message message) {
  EndWait();
  position_ = 0;
  absl::Status status = co_await NextPiece(link_.deadlines().Now() + link_.options().link_wait);
  if (!status.ok()) {
    Drop();
    co_return Refused(std::move(status));
  }
  if (piece_->has_error()) {
    status = FromRpcStatus(piece_->error());
    PartIsOver();
    BeginWait();
    co_return Refused(std::move(status));
  }
  const bool whole = !message.part.top;
  if (whole && piece_->last() && rest_.size() != message.octets) {
    status = MakeError(
        v1::ERROR_REASON_CORRUPT,
        absl::StrCat("message of ", rest_.size(), " octets is listed with ", message.octets));
    PartIsOver();
    BeginWait();
    co_return Refused(std::move(status));
  }

  std::string& output = connection_.output();
  if (whole) {
    absl::StrAppend(&output, "+OK ", message.octets, " ", message.octets_word, "\r\n");
  } else {
    output.append("+OK\r\n");
  }
  DotStuffer stuffer;
  if (On(Fault::kFirstDotUnstuffed)) stuffer.Pass("inside a line");
  while (true) {
    const uint64_t end = position_ + rest_.size();
    if (end > message.octets) co_return Cut(absl::DataLossError("more octets than listed"));
    const bool last = piece_->last();
    AskAheadIfWanted();
    const bool passed_on = co_await PassOn(message.has_dot_line, stuffer);
    if (!passed_on) co_return Cut(ClientGone());
    if (last && position_ == end) break;
    if (On(Fault::kDotUnstuffedAtBorder)) stuffer.Pass("inside a line");
    status = co_await NextPiece(link_.deadlines().Now() + link_.options().link_wait);
    if (status.ok() && piece_->has_error()) status = FromRpcStatus(piece_->error());
    if (!status.ok()) co_return Cut(std::move(status));
  }
  if (whole && position_ != message.octets) {
    co_return Cut(absl::DataLossError("fewer octets than listed"));
  }
  stuffer.Finish(&output);
  const uint64_t octets = position_;
  PartIsOver();
  BeginWait();
  co_return Result{Result::Kind::kSent, absl::OkStatus(), octets};
}

asio::awaitable<absl::Status> Transfer::NextPiece(TimePoint deadline) {
  if (next_piece_ >= frame_.pieces_size()) {
    DropPiece();
    // What is waiting for the client shouldn't wait for the next frame too.
    const bool flushed = co_await Flush();
    if (!flushed) co_return ClientGone();
  }
  // What was begun can't be begun anew, unless the call was given up.
  if (stream_ != nullptr && position_ != 0) {
    const absl::Status status = co_await PieceOfCall();
    co_return status;
  }
  const absl::Status status = co_await PieceOfNewCall(deadline);
  co_return status;
}

asio::awaitable<absl::Status> Transfer::PieceOfNewCall(TimePoint deadline) {
  int tries = 0;
  while (true) {
    if (stream_ == nullptr) {
      const absl::Status held = co_await link_.WaitUntilHeld(maildrop_, deadline);
      if (!held.ok()) co_return held;
      const bool taken =
          co_await Take(link_.deadlines().Now() + link_.options().operation_timeout);
      if (!taken) co_return absl::UnavailableError("too many messages are being read");
      Open();
    }
    const absl::Status status = co_await PieceOfCall();
    if (status.ok()) co_return status;
    Drop();
    const bool link_changed = opened_on_ != link_.stream_number();
    const bool final = !link_changed && !MayPass(status, tries++);
    if (final || connection_.closed() || link_.deadlines().Now() >= deadline) co_return status;
    asio::steady_timer pause(link_.context(), kRetryPause);
    asio::error_code ignored;
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<absl::Status> Transfer::PieceOfCall() {
  do {
    while (next_piece_ >= frame_.pieces_size()) {
      DropPiece();
      const absl::Status status =
          co_await stream_->Next(&frame_, link_.deadlines(), link_.options().operation_timeout);
      if (!status.ok()) co_return status;
    }
    piece_ = &frame_.pieces(next_piece_++);
    if (piece_->part() != next_ - opened_at_) {
      co_return absl::InternalError("the service sent another part than the next");
    }
    rest_ = piece_->data();
    const size_t known = std::min<uint64_t>(skip_, rest_.size());
    rest_.remove_prefix(known);
    skip_ -= known;
  } while (skip_ > 0 && !piece_->last());
  co_return absl::OkStatus();
}

asio::awaitable<bool> Transfer::PassOn(bool stuff, DotStuffer& stuffer) {
  std::string& output = connection_.output();
  const bool copy = stuff || connection_.secure() || rest_.size() < kLargePiece;
  while (!rest_.empty()) {
    if (!copy) {
      absl::string_view unsent = rest_;
      const Connection::Sent sent = connection_.SendNow(&unsent);
      const absl::string_view octets = rest_.substr(0, rest_.size() - unsent.size());
      stuffer.Pass(octets);
      Advance(octets.size());
      if (sent == Connection::Sent::kOver) co_return false;
      if (sent == Connection::Sent::kAll) break;
      const bool room = co_await AwaitClient();
      if (!room) co_return false;
      continue;
    }
    const absl::string_view octets = rest_.substr(0, kSlice);
    if (stuff) {
      stuffer.Append(octets, &output);
    } else {
      stuffer.Pass(octets);
      output.append(octets.data(), octets.size());
    }
    Advance(octets.size());
    if (output.size() < connection_.full_output()) continue;
    const bool flushed = co_await Flush();
    if (!flushed) co_return false;
  }
  co_return true;
}

asio::awaitable<bool> Transfer::Flush() {
  absl::string_view nothing;
  while (true) {
    const Connection::Sent sent = connection_.SendNow(&nothing);
    if (sent != Connection::Sent::kNotAll) co_return sent == Connection::Sent::kAll;
    const bool room = co_await AwaitClient();
    if (!room) co_return false;
  }
}

asio::awaitable<bool> Transfer::AwaitClient() {
  BeginWait();
  const bool room = co_await connection_.AwaitRoom();
  EndWait();
  co_return room;
}

void Transfer::Advance(size_t octets) {
  rest_.remove_prefix(octets);
  position_ += octets;
}

void Transfer::Open() {
  v1::ReadRequest request;
  request.set_session_token(maildrop_.session_token());
  for (size_t i = next_; i < parts_.size(); ++i) {
    v1::ReadPart& part = *request.add_parts();
    part.set_uid(parts_[i].uid);
    if (parts_[i].top) part.mutable_top()->set_body_lines(parts_[i].lines);
  }
  skip_ = 0;
  if (position_ != 0) {
    // Only a whole message can be asked for from an octet on.
    if (parts_[next_].top) {
      skip_ = position_;
    } else {
      request.mutable_parts(0)->mutable_range()->set_offset(position_);
    }
  }
  opened_at_ = next_;
  opened_on_ = link_.stream_number();
  stream_ = BodyStream::Start(link_.messages(), link_.context(), std::move(request));
}

void Transfer::GiveUp() {
  Drop();
  connection_.TrimOutput();
}

void Transfer::Drop() {
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Cancel();
  DropPiece();
  frame_ = v1::ReadResponse();
  Return();
}

void Transfer::DropPiece() {
  piece_ = nullptr;
  rest_ = {};
  next_piece_ = 0;
  frame_.Clear();
}

void Transfer::PartIsOver() {
  ++next_;
  if (next_ < parts_.size() || stream_ == nullptr) return;
  std::exchange(stream_, nullptr)->Finish();
  DropPiece();
  frame_ = v1::ReadResponse();
  Return();
}

void Transfer::AskAheadIfWanted() {
  // Only when the frame that is there is used up with this piece: two at most.
  if (next_piece_ < frame_.pieces_size()) return;
  const bool more_of_part = !piece_->last();
  const bool more_parts = wanted_ahead_ && next_ + 1 < parts_.size();
  if (more_of_part || more_parts) stream_->AskAhead();
}

}  // namespace restante::pop3
