#include "storage-service/store/append.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/ingest.h"
#include "storage-service/store/store_failure.h"
#include "storage-service/store/uidl_index.h"

namespace restante::store {
namespace {

constexpr size_t kMostAppended = 1'000;
// Small messages wait in memory for their commit up to here; then they are sent ahead.
constexpr size_t kMostBuffered = size_t{4} << 20;

absl::Status InvalidAppend(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST, message);
}

}  // namespace

AppendedMessages::~AppendedMessages() {
  if (!settled_) Settle({absl::CancelledError("")});
}

absl::Status AppendedMessages::CheckFits(uint64_t octets, uint64_t messages) const {
  if (octets > tools_.max_message_octets) return TooLarge(tools_.max_message_octets);
  return quota_.Check({octets_ + octets, messages});
}

Task<absl::Status> AppendedMessages::Begin(MessageProperties properties, bool utf8,
                                           uint64_t declared_octets) {
  if (under_way_) co_return InvalidAppend("a message begins before the one before has ended");
  if (messages_.size() == kMostAppended) {
    co_return InvalidAppend(
        absl::StrCat("more than ", kMostAppended, " messages; append them in several calls"));
  }
  if (!properties.uidl.empty()) co_return InvalidAppend("uidl: only a delivery may bring one");
  Message message;
  absl::Status legal = CheckProperties(properties);
  if (legal.ok()) legal = SetFlags(properties.flags, message.row);
  if (legal.ok()) legal = CheckFits(declared_octets, messages_.size() + 1);
  if (legal.ok()) legal = tools_.engine->CheckRoom();
  if (!legal.ok()) co_return legal;
  message.row.internal_date = properties.internal_date.value_or(tools_.clock->Now());
  message.body =
      std::make_unique<IncomingBody>(tools_.engine, &tools_.mailboxes->bodies(), tools_.pending,
                                     tools_.max_message_octets, utf8);
  messages_.push_back(std::move(message));
  under_way_ = true;
  co_return absl::OkStatus();
}

Task<absl::Status> AppendedMessages::Add(std::string data) {
  if (!under_way_) co_return InvalidAppend("octets of no message");
  absl::Status added = co_await messages_.back().body->Append(std::move(data));
  co_return added;
}

Task<absl::Status> AppendedMessages::End() {
  if (!under_way_) co_return InvalidAppend("a message ends that hasn't begun");
  IncomingBody& body = *messages_.back().body;
  const bool flush = buffered_ + body.buffered() > kMostBuffered;
  absl::Status ended = co_await body.End(flush);
  if (!ended.ok()) co_return ended;
  absl::Status fits = CheckFits(body.octets(), messages_.size());
  if (!fits.ok()) co_return fits;
  under_way_ = false;
  buffered_ += body.buffered();
  octets_ += body.octets();
  co_return absl::OkStatus();
}

Task<absl::StatusOr<AppendAnswer>> AppendedMessages::Finish() {
  if (under_way_) co_return InvalidAppend("the last message has no end");
  if (messages_.empty()) co_return InvalidAppend("there is no message");
  const absl::Time now = tools_.clock->Now();
  for (Message& message : messages_) {
    StoredRow row = message.body->Row();
    row.flags = message.row.flags;
    row.keywords = std::move(message.row.keywords);
    row.internal_date = message.row.internal_date;
    row.save_date = now;
    message.row = std::move(row);
    absl::Status put = message.body->PutLastChunk();
    if (!put.ok()) co_return WithReason(put);
  }
  AppendAnswer answer;
  Mailbox::Plan plan = [this, &answer](Head& head, Change& change) {
    return Fill(head, change, answer);
  };
  CommitResult result = co_await mailbox_->Commit(std::move(plan));
  Settle(result);
  if (!result.status.ok()) co_return WithReason(result.status);
  co_return answer;
}

absl::Status AppendedMessages::Fill(Head& head, Change& change, AppendAnswer& answer) {
  RowTotals totals;
  for (const Message& message : messages_) totals.Add(message.row);
  const absl::Status fits = quota_.Claim(
      mailbox_->id(), {head.octets + totals.octets, head.message_count + totals.messages});
  if (!fits.ok()) return fits;
  if (UINT32_MAX - head.uid_next < messages_.size()) {
    return MakeError(v1::ERROR_REASON_STORE_FULL, "the mailbox has used up its UIDs");
  }
  totals.AddNewTo(head, head.uid_next);
  const uint64_t modseq = ++head.highest_modseq;
  answer.uidvalidity = head.uidvalidity;
  answer.highest_modseq = modseq;
  for (Message& message : messages_) {
    const uint32_t uid = head.uid_next++;
    StoredRow& row = message.row;
    row.modseq = modseq;
    change.puts.emplace_back(RowKey(uid), Encode(row));
    change.puts.emplace_back(ModseqKey(kChangePrefix, modseq, uid), std::string());
    change.references.emplace_back(row.body, uid);
    change.added.push_back(ListedRow::Of(uid, row));
    answer.messages.push_back({uid, row.guid, row.Uidl()});
  }
  return absl::OkStatus();
}

void AppendedMessages::Settle(const CommitResult& result) {
  settled_ = true;
  for (Message& message : messages_) {
    if (result.status.ok()) {
      message.body->Written();
    } else if (result.outcome_unknown) {
      message.body->InDoubt();
    } else {
      message.body->NotWritten(true);
    }
  }
}

}  // namespace restante::store
