// Messages on their way from the storage service to the client. Several messages
// that are expected one after the other (a run of pipelined RETRs, or what a client
// that takes all in order will ask for next) come over one Read call; if the client
// asks for something else, the call is given up.
//
// Never holds a message: at most two frames of the body stream and one output
// buffer. While the client is waited for, the call and its frames may go (ReadSlots);
// what follows is then read from the octet on that the client has come to. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "asio/awaitable.hpp"
#include "pop3d/body_stream.h"
#include "pop3d/connection.h"
#include "pop3d/dot_stuffer.h"
#include "pop3d/link_port.h"
#include "pop3d/read_slots.h"

namespace restante::pop3 {

class Transfer final : private ReadSlot {
 public:
  // The most parts of one Read call.
  static constexpr size_t kMaxParts = 64;

  struct Part {
    uint32_t uid = 0;
    // The header and `lines` lines of the body instead of the whole message.
    bool top = false;
    uint64_t lines = 0;
    friend bool operator==(const Part&, const Part&) = default;
  };

  struct Message {
    Part part;
    // As the list has them.
    uint64_t octets = 0;
    bool has_dot_line = true;
    // The word for octets in the client's language; a constant.
    absl::string_view octets_word = "octets";
  };

  struct Result {
    enum class Kind {
      // The response is in the output or sent.
      kSent,
      // Nothing of a response was sent; `status` says why.
      kRefused,
      // The response was begun and can't be completed. The connection must close
      // without the line that would make the client believe it has all.
      kCut,
    };
    Kind kind = Kind::kSent;
    absl::Status status;
    // Of the message, before stuffing.
    uint64_t octets = 0;
  };

  Transfer(Connection& connection, LinkPort& link, HeldMaildrop& maildrop);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Whether `part` is what comes next without a new call.
  bool Expects(const Part& part) const;

  // What to ask for at the next Send: its part first, then those that are likely
  // to follow. `wanted_ahead`: the client has asked for all of them already.
  void Plan(std::vector<Part> parts, bool wanted_ahead);

  // Sends the whole response to RETR or TOP. The part must be expected.
  asio::awaitable<Result> Send(Message message);

 private:
  // Makes rest_ what follows position_ in part next_, by the call there is or by a
  // new one, which is tried until `deadline`.
  asio::awaitable<absl::Status> NextPiece(TimePoint deadline);
  asio::awaitable<absl::Status> PieceOfNewCall(TimePoint deadline);
  asio::awaitable<absl::Status> PieceOfCall();
  // Sends or puts into the output what rest_ has, unless the call goes meanwhile.
  // False: the connection is over.
  asio::awaitable<bool> PassOn(bool stuff, DotStuffer& stuffer);
  asio::awaitable<bool> Flush();
  asio::awaitable<bool> AwaitClient();
  void Advance(size_t octets);

  void GiveUp() override;
  void Open();
  void Drop();
  void DropPiece();
  void PartIsOver();
  void AskAheadIfWanted();

  Connection& connection_;
  LinkPort& link_;
  HeldMaildrop& maildrop_;

  std::vector<Part> parts_;
  // The part that comes next, and the first one that stream_ was asked for.
  size_t next_ = 0;
  size_t opened_at_ = 0;
  bool wanted_ahead_ = false;
  std::shared_ptr<BodyStream> stream_;
  // The link's stream when stream_ was opened.
  uint64_t opened_on_ = 0;
  v1::ReadResponse frame_;
  int next_piece_ = 0;
  const v1::ReadPiece* piece_ = nullptr;
  // What of piece_ isn't passed on yet.
  absl::string_view rest_;
  // How much of part next_ is passed on, and how much of it the call sends again.
  uint64_t position_ = 0;
  uint64_t skip_ = 0;
};

}  // namespace restante::pop3
