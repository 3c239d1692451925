#include "storage-service/store/append.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/ingest.h"
#include "storage-service/store/row_addition.h"
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

Task<absl::Status> AppendedMessages::Begin(NewMessage wanted) {
  if (under_way_) co_return InvalidAppend("a message begins before the one before has ended");
  if (messages_.size() == kMostAppended) {
    co_return InvalidAppend(
        absl::StrCat("more than ", kMostAppended, " messages; append them in several calls"));
  }
  Message message;
  if (!wanted.id.empty()) {
    if (wanted.id.size() > kMostDeliveryIdOctets) {
      co_return InvalidAppend(absl::StrCat("append_id has ", wanted.id.size(),
                                           " octets; at most ", kMostDeliveryIdOctets));
    }
    message.id_key = DeliveryKeyOf(wanted.id, 0);
    if (!id_keys_.insert(message.id_key).second) {
      co_return InvalidAppend("append_id: two messages of one call have the same");
    }
  }
  absl::Status legal = CheckProperties(wanted.properties);
  if (legal.ok()) legal = SetFlags(wanted.properties.flags, message.row);
  if (legal.ok()) legal = CheckFits(wanted.declared_octets, messages_.size() + 1);
  if (legal.ok()) legal = tools_.engine->CheckRoom();
  if (!legal.ok()) co_return legal;
  message.row.internal_date = wanted.properties.internal_date.value_or(tools_.clock->Now());
  message.uid = wanted.uid;
  message.uidl = std::move(wanted.properties.uidl);
  message.body =
      std::make_unique<IncomingBody>(tools_.engine, &tools_.mailboxes->bodies(), tools_.pending,
                                     tools_.max_message_octets, wanted.utf8);
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
  // All that has to be read comes first: what follows is submitted in one go.
  absl::Status read = co_await FindEarlier();
  if (read.ok()) read = co_await ChooseUidls();
  if (!read.ok()) co_return WithReason(read);
  AppendAnswer answer;
  CommitResult result = co_await Write(&answer);
  Settle(result);
  turns_.clear();
  if (!result.status.ok()) co_return WithReason(result.status);
  co_return answer;
}

Task<absl::Status> AppendedMessages::FindEarlier() {
  std::vector<Message*> by_key;
  for (Message& message : messages_) {
    if (!message.id_key.empty()) by_key.push_back(&message);
  }
  // In the order in which deliveries take turns too.
  std::sort(by_key.begin(), by_key.end(),
            [](const Message* a, const Message* b) { return a->id_key < b->id_key; });
  for (Message* message : by_key) {
    KeyedAsyncMutex::Guard turn = co_await tools_.ids->Lock(mailbox_->id(), message->id_key);
    turns_.push_back(std::move(turn));
    absl::StatusOr<std::optional<DeliveryRecord>> earlier =
        co_await tools_.ids->Find(mailbox_->id(), message->id_key, tools_.clock->Now());
    if (!earlier.ok()) co_return earlier.status();
    message->earlier = *std::move(earlier);
  }
  co_return absl::OkStatus();
}

Task<absl::Status> AppendedMessages::ChooseUidls() {
  std::vector<Message*> by_uidl;
  for (Message& message : messages_) {
    if (message.uidl.empty() || message.earlier) continue;
    message.uidl_replaced = !IsLegalUidl(message.uidl);
    if (!message.uidl_replaced) by_uidl.push_back(&message);
  }
  std::stable_sort(by_uidl.begin(), by_uidl.end(),
                   [](const Message* a, const Message* b) { return a->uidl < b->uidl; });
  const Message* before = nullptr;
  for (Message* message : by_uidl) {
    // The first of those that want the same gets it.
    if (before != nullptr && before->uidl == message->uidl) {
      message->uidl_replaced = true;
      continue;
    }
    before = message;
    KeyedAsyncMutex::Guard turn = co_await tools_.uidls->Lock(mailbox_->id(), message->uidl);
    turns_.push_back(std::move(turn));
    absl::StatusOr<bool> taken = co_await tools_.uidls->IsTaken(mailbox_->id(), message->uidl);
    if (!taken.ok()) co_return taken.status();
    message->uidl_replaced = *taken;
  }
  co_return absl::OkStatus();
}

Task<CommitResult> AppendedMessages::Write(AppendAnswer* answer) {
  const absl::Time now = tools_.clock->Now();
  bool with_ids = false;
  for (Message& message : messages_) {
    if (message.earlier) continue;
    StoredRow row = message.body->Row();
    row.flags = message.row.flags;
    row.keywords = std::move(message.row.keywords);
    row.internal_date = message.row.internal_date;
    row.save_date = now;
    if (!message.uidl_replaced) row.own_uidl = message.uidl;
    message.row = std::move(row);
    with_ids |= !message.id_key.empty();
    absl::Status put = message.body->PutLastChunk();
    if (!put.ok()) co_return CommitResult{put};
  }
  Mailbox::Plan plan = [this, answer](Head& head, Change& change) {
    return Fill(head, change, *answer);
  };
  CommitResult result = co_await mailbox_->Commit(std::move(plan));
  if (result.status.ok() && with_ids) tools_.id_recorded(mailbox_->id(), now);
  co_return result;
}

absl::Status AppendedMessages::Fill(Head& head, Change& change, AppendAnswer& answer) {
  RowTotals totals;
  uint32_t first_uid = 0;
  for (const Message& message : messages_) {
    if (message.earlier) continue;
    if (first_uid == 0) first_uid = std::max(message.uid, head.uid_next);
    totals.Add(message.row);
  }
  if (first_uid != 0) {
    const absl::Status fits = quota_.Claim(
        mailbox_->id(), {head.octets + totals.octets, head.message_count + totals.messages});
    if (!fits.ok()) return fits;
  }
  answer.uidvalidity = head.uidvalidity;
  if (first_uid != 0) {
    totals.AddNewTo(head, first_uid);
    ++head.highest_modseq;
  }
  const uint64_t modseq = head.highest_modseq;
  answer.highest_modseq = modseq;
  for (Message& message : messages_) {
    if (message.earlier) {
      const DeliveryRecord& first = *message.earlier;
      answer.messages.push_back(
          {first.uid, first.guid,
           first.own_uidl.empty() ? DerivedUidl(first.guid) : first.own_uidl, true,
           first.uidl_replaced});
      continue;
    }
    if (message.uid != 0 && message.uid < head.uid_next) {
      return InvalidAppend(absl::StrCat(
          "uid: ", message.uid, " can't be given out any more; the next is ", head.uid_next));
    }
    const uint32_t uid = std::max(message.uid, head.uid_next);
    if (uid == UINT32_MAX) {
      return MakeError(v1::ERROR_REASON_STORE_FULL, "the mailbox has used up its UIDs");
    }
    head.uid_next = uid + 1;
    StoredRow& row = message.row;
    row.modseq = modseq;
    AddRow(row, uid, change);
    if (!message.id_key.empty()) {
      DeliveryIds::Record(
          message.id_key,
          {uid, row.guid, head.uidvalidity, row.save_date, row.own_uidl, message.uidl_replaced},
          change);
    }
    answer.messages.push_back({uid, row.guid, row.Uidl(), false, message.uidl_replaced});
  }
  return absl::OkStatus();
}

void AppendedMessages::Settle(const CommitResult& result) {
  settled_ = true;
  for (Message& message : messages_) {
    if (message.earlier) {
      message.body->NotWritten(false);
    } else if (result.status.ok()) {
      message.body->Written();
    } else if (result.outcome_unknown) {
      message.body->InDoubt();
    } else {
      message.body->NotWritten(true);
    }
  }
}

}  // namespace restante::store
