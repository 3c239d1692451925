#include "storage-service/store/message_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/account_mailboxes.h"
#include "storage-service/store/join.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/session_list.h"
#include "storage-service/store/store_failure.h"

namespace restante::store {
namespace {

constexpr size_t kFrame = engine::Engine::kChunkOctets;
constexpr size_t kMostParts = 1024;
// Rows looked up at a time: about as many small messages as fill a frame.
constexpr size_t kRowsAhead = 32;

absl::Status NoSuchMessage(uint32_t uid) {
  return MakeError(v1::ERROR_REASON_NO_SUCH_MESSAGE, absl::StrCat("no message with UID ", uid));
}

// The messages of a session's list, while the session lives.
class SessionSource : public MessageSource {
 public:
  SessionSource(engine::Engine* engine, SessionTable* table,
                std::shared_ptr<const Session> session)
      : engine_(engine), table_(table), session_(std::move(session)) {}

  absl::Status Check() override {
    if (table_->Find(session_->facts.fencing) == nullptr || session_->mailbox->erased()) {
      return MakeError(v1::ERROR_REASON_LEASE_LOST, "the session is over");
    }
    return absl::OkStatus();
  }

  const MailboxId& mailbox() const override { return session_->mailbox->id(); }

  bool utf8() const override { return session_->facts.utf8; }

  Task<absl::StatusOr<std::optional<StoredRow>>> Find(uint32_t uid) override {
    return FindInSession(engine_, session_->mailbox, session_->facts, uid);
  }

 private:
  engine::Engine* const engine_;
  SessionTable* const table_;
  const std::shared_ptr<const Session> session_;
};

// The messages that a mailbox has now.
class MailboxSource : public MessageSource {
 public:
  MailboxSource(engine::Engine* engine, std::shared_ptr<Mailbox> mailbox)
      : engine_(engine), mailbox_(std::move(mailbox)) {}

  absl::Status Check() override { return absl::OkStatus(); }

  const MailboxId& mailbox() const override { return mailbox_->id(); }

  bool utf8() const override { return true; }

  Task<absl::StatusOr<std::optional<StoredRow>>> Find(uint32_t uid) override {
    return ReadRow(engine_, mailbox_->id(), uid);
  }

 private:
  engine::Engine* const engine_;
  const std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace

absl::Status CheckParts(const std::vector<ReadPart>& parts) {
  if (!parts.empty() && parts.size() <= kMostParts) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                   absl::StrCat("parts: there are ", parts.size(), "; 1 to ", kMostParts,
                                " are read at once"));
}

Task<absl::StatusOr<std::vector<ReadPiece>>> PartReader::Next() {
  std::vector<ReadPiece> frame;
  size_t room = kFrame;
  while (next_ < parts_.size()) {
    absl::Status alive = source_->Check();
    if (!alive.ok()) co_return alive;
    if (open_next_ == open_.size()) {
      absl::Status found = co_await FindRows();
      if (!found.ok()) co_return found;
    }
    // Parts that fit as a whole are read together.
    std::vector<Task<ReadPiece>> reads;
    bool full = false;
    for (size_t i = open_next_; i < open_.size() && !full; ++i) {
      const uint32_t part = next_ + static_cast<uint32_t>(i - open_next_);
      Found& found = open_[i];
      if (!found.status.ok()) {
        // Told in its turn, at no cost.
      } else if (const uint64_t left = found.open.end - found.open.offset; left > room) {
        full = true;
        if (reads.empty() && frame.empty()) {
          reads.push_back(ReadPieceOf(part, &found, room));
        }
        break;
      } else {
        room -= left;
      }
      reads.push_back(ReadPieceOf(part, &found, kFrame));
    }
    std::vector<ReadPiece> pieces = co_await JoinAll(std::move(reads));
    for (ReadPiece& piece : pieces) {
      if (piece.last) {
        ++next_;
        ++open_next_;
      }
      frame.push_back(std::move(piece));
    }
    if (full || room == 0) break;
  }
  co_return frame;
}

Task<absl::Status> PartReader::FindRows() {
  std::vector<Task<Found>> searches;
  const size_t end = std::min(parts_.size(), next_ + kRowsAhead);
  for (size_t i = next_; i < end; ++i) searches.push_back(OpenPart(parts_[i]));
  open_ = co_await JoinAll(std::move(searches));
  open_next_ = 0;
  co_return absl::OkStatus();
}

Task<PartReader::Found> PartReader::OpenPart(ReadPart part) {
  absl::StatusOr<std::optional<StoredRow>> row = co_await source_->Find(part.uid);
  if (!row.ok()) co_return Found{WithReason(row.status()), {}};
  if (!row->has_value()) co_return Found{NoSuchMessage(part.uid), {}};
  const StoredRow& message = **row;
  Open open;
  open.guid = message.guid;
  open.body = message.body;
  open.message = message.octets;
  uint64_t header = message.header_octets;
  if (message.downgraded_octets > 0 && !source_->utf8()) {
    open.message_header = message.header_octets;
    open.surrogate_header = header = message.surrogate_header_octets();
  }
  const uint64_t octets = message.ShownOctets(source_->utf8());
  open.end = octets;
  if (const auto* top = std::get_if<TopPart>(&part.part)) {
    open.top.emplace(header, top->body_lines);
    if (top->body_lines == 0) open.end = header;
  } else if (const auto* range = std::get_if<RangePart>(&part.part)) {
    open.offset = std::min(range->offset, octets);
    const uint64_t rest = octets - open.offset;
    open.end = open.offset + (range->length == 0 ? rest : std::min(range->length, rest));
  }
  co_return Found{absl::OkStatus(), std::move(open)};
}

PartReader::Open::Run PartReader::Open::Next() const {
  if (offset < surrogate_header) {
    return {message + offset, std::min(end, surrogate_header) - offset};
  }
  return {offset - surrogate_header + message_header, end - offset};
}

Task<ReadPiece> PartReader::ReadPieceOf(uint32_t part, Found* found, size_t room) {
  ReadPiece piece;
  piece.part = part;
  piece.error = found->status;
  Open& open = found->open;
  // A range may begin inside a chunk: two reads then bring what fits.
  while (piece.error.ok() && open.offset < open.end && room > 0) {
    const Open::Run run = open.Next();
    const uint64_t in_chunk = kFrame - run.place % kFrame;
    const uint64_t length = std::min({in_chunk, run.octets, uint64_t{room}});
    absl::StatusOr<std::string> data = co_await Await<absl::StatusOr<std::string>>(
        [&](auto done) { engine_->ReadBody(open.body, run.place, length, std::move(done)); });
    if (!data.ok() || data->size() != length) {
      absl::Status failure = data.status();
      if (failure.ok() || absl::IsNotFound(failure)) {
        // Gone with its row, or missing under a row that is there?
        absl::StatusOr<std::optional<StoredRow>> row = co_await source_->Find(parts_[part].uid);
        const bool gone = row.ok() && !row->has_value();
        failure =
            gone ? NoSuchMessage(parts_[part].uid)
                 : Corrupt(parts_[part].uid, open, "it has fewer octets than its row says");
      } else if (ReasonOf(failure) == v1::ERROR_REASON_CORRUPT) {
        failure = Corrupt(parts_[part].uid, open, failure.message());
      }
      piece.error = WithReason(failure);
      break;
    }
    const size_t wanted = open.top ? open.top->Take(*data) : data->size();
    if (piece.data.empty() && wanted == data->size()) {
      piece.data = *std::move(data);
    } else {
      piece.data.append(*data, 0, wanted);
    }
    open.offset += length;
    room -= length;
    if (open.top && open.top->done()) open.end = open.offset;
  }
  piece.last = !piece.error.ok() || open.offset >= open.end;
  co_return piece;
}

absl::Status PartReader::Corrupt(uint32_t uid, const Open& open, absl::string_view what) const {
  const std::string mailbox = source_->mailbox().ToHex();
  const std::string guid = open.guid.ToHex();
  LogError("store", "CorruptMessage",
           {{"mailbox", mailbox}, {"uid", uid}, {"guid", guid}, {"error", what}});
  absl::Status status =
      MakeError(v1::ERROR_REASON_CORRUPT,
                absl::StrCat("message ", guid, " with UID ", uid, " of mailbox ", mailbox,
                             ", in body ", open.body.ToHex(), ": ", what));
  SetErrorMetadata(status, "mailbox_id", mailbox);
  SetErrorMetadata(status, "uid", absl::StrCat(uid));
  SetErrorMetadata(status, "guid", guid);
  return status;
}

Task<absl::StatusOr<std::unique_ptr<MessageReader>>> MessageReading::Read(
    std::string session_token, std::vector<ReadPart> parts) {
  absl::StatusOr<std::shared_ptr<const Session>> session = sessions_->Use(session_token);
  if (!session.ok()) co_return session.status();
  absl::Status legal = CheckParts(parts);
  if (!legal.ok()) co_return legal;
  std::unique_ptr<MessageReader> reader = std::make_unique<PartReader>(
      engine_,
      std::make_unique<SessionSource>(engine_, &sessions_->table(), *std::move(session)),
      std::move(parts));
  co_return reader;
}

Task<absl::StatusOr<std::unique_ptr<MessageReader>>> MessageReading::Fetch(
    std::string address, std::string mailbox, std::vector<ReadPart> parts) {
  absl::Status legal = CheckParts(parts);
  if (!legal.ok()) co_return legal;
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  std::unique_ptr<MessageReader> reader = std::make_unique<PartReader>(
      engine_, std::make_unique<MailboxSource>(engine_, *std::move(found)), std::move(parts));
  co_return reader;
}

}  // namespace restante::store
