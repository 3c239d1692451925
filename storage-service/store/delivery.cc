#include "storage-service/store/delivery.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/join.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_state.h"
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

absl::Status OverQuota(const AccountEntry& account) {
  return MakeError(v1::ERROR_REASON_OVER_QUOTA,
                   absl::StrCat("the message would bring ", account.address,
                                " over its quota of ", account.quota_octets, " octets"));
}

IncomingMessage::IncomingMessage(DeliveryTools tools, Envelope envelope,
                                 std::vector<Addressee> addressees)
    : tools_(std::move(tools)),
      envelope_(std::move(envelope)),
      addressees_(std::move(addressees)),
      guid_(Guid::Random()),
      arrived_(tools_.clock->Now()),
      hold_(&tools_.mailboxes->bodies(), guid_),
      nobody_(std::none_of(addressees_.begin(), addressees_.end(),
                           [](const Addressee& a) { return a.status.ok(); })) {
  if (envelope_.smtputf8) surrogate_.emplace();
}

IncomingMessage::~IncomingMessage() {
  if (!finished_) SettleBody();
}

Task<absl::Status> IncomingMessage::Append(std::string data) {
  absl::string_view rest = data;
  if (nobody_) rest = {};
  while (failure_.ok() && !rest.empty()) {
    const absl::string_view slice = rest.substr(0, kChunk);
    rest.remove_prefix(slice.size());
    Normalise(slice);
    if (normaliser_.octets() > tools_.max_message_octets) {
      failure_ = TooLarge(tools_.max_message_octets);
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

Task<absl::Status> IncomingMessage::FlushChunk() {
  if (!listed_) {
    absl::Status listed = co_await tools_.pending->Add(guid_);
    if (!listed.ok()) co_return listed;
    listed_ = true;
  }
  std::string chunk = buffer_.substr(0, kChunk);
  buffer_.erase(0, kChunk);
  absl::Status put = co_await Await<absl::Status>([&](Done<absl::Status> done) {
    tools_.engine->PutChunk(guid_, chunks_++, std::move(chunk), std::move(done));
  });
  co_return put;
}

void IncomingMessage::Normalise(absl::string_view data) {
  const size_t before = buffer_.size();
  normaliser_.Feed(data, buffer_);
  if (surrogate_) surrogate_->Feed(absl::string_view(buffer_).substr(before));
}

void IncomingMessage::AppendSurrogate() {
  const size_t before = buffer_.size();
  normaliser_.Finish(buffer_);
  if (!surrogate_) return;
  surrogate_->Feed(absl::string_view(buffer_).substr(before));
  surrogate_->Finish();
  buffer_ += surrogate_->header();
}

Task<std::vector<RecipientResult>> IncomingMessage::Finish() {
  AppendSurrogate();
  if (failure_.ok() && normaliser_.octets() > tools_.max_message_octets) {
    failure_ = TooLarge(tools_.max_message_octets);
  }
  while (failure_.ok() && buffer_.size() > kChunk) {
    absl::Status flushed = co_await FlushChunk();
    failure_ = WithReason(flushed);
  }
  if (failure_.ok() && !nobody_) {
    // All that has to be read comes first: what follows is submitted in one go.
    co_await FindMailboxes();
    co_await FindEarlierDeliveries();
    co_await ChooseUidls();
    co_await WriteRows();
  }
  SettleBody();
  finished_ = true;
  co_return Results();
}

Task<void> IncomingMessage::FindMailboxes() {
  using Found = absl::StatusOr<std::shared_ptr<Mailbox>>;
  std::vector<Task<Found>> searches;
  std::map<MailboxId, uint32_t> copies_of;
  for (size_t i = 0; i < addressees_.size(); ++i) {
    if (!addressees_[i].status.ok()) continue;
    const AccountEntry& account = *addressees_[i].account;
    Copy& copy = copies_.emplace_back();
    copy.recipient = i;
    const uint32_t number = copies_of[account.inbox]++;
    copy.second = number > 0;
    if (!envelope_.delivery_id.empty())
      copy.id_key = DeliveryKeyOf(envelope_.delivery_id, number);
    searches.push_back(tools_.mailboxes->Find(account.inbox));
  }
  std::vector<Found> found = co_await JoinAll(std::move(searches));
  for (size_t i = 0; i < found.size(); ++i) {
    Copy& copy = copies_[i];
    if (found[i].ok()) {
      copy.mailbox = *std::move(found[i]);
    } else {
      copy.result.status = WithReason(found[i].status());
      copy.decided = true;
    }
  }
}

Task<void> IncomingMessage::FindEarlierDeliveries() {
  if (envelope_.delivery_id.empty()) co_return;
  std::vector<Copy*> by_key;
  for (Copy& copy : copies_) {
    if (!copy.decided) by_key.push_back(&copy);
  }
  std::sort(by_key.begin(), by_key.end(), [](const Copy* a, const Copy* b) {
    return std::tie(a->mailbox->id(), a->id_key) < std::tie(b->mailbox->id(), b->id_key);
  });
  for (Copy* copy : by_key) {
    const MailboxId mailbox = copy->mailbox->id();
    copy->turn = co_await tools_.ids->Lock(mailbox, copy->id_key);
    absl::StatusOr<std::optional<DeliveryRecord>> earlier =
        co_await tools_.ids->Find(mailbox, copy->id_key, arrived_);
    if (!earlier.ok()) {
      copy->result.status = WithReason(earlier.status());
      copy->decided = true;
    } else if (earlier->has_value()) {
      const DeliveryRecord& first = **earlier;
      copy->result = {
          absl::OkStatus(),   mailbox,
          first.uidvalidity,  first.uid,
          first.guid,         first.own_uidl.empty() ? DerivedUidl(first.guid) : first.own_uidl,
          first.uidl_replaced};
      copy->decided = true;
    }
  }
}

Task<void> IncomingMessage::ChooseUidls() {
  const std::string wanted = envelope_.properties.uidl;
  std::vector<Copy*> by_mailbox;
  for (Copy& copy : copies_) {
    if (copy.second) copy.own_uidl = DerivedUidl(Id128::Random());
    if (wanted.empty() || copy.decided) continue;
    copy.uidl_replaced = copy.second || !IsLegalUidl(wanted);
    if (!copy.uidl_replaced) by_mailbox.push_back(&copy);
  }
  std::sort(by_mailbox.begin(), by_mailbox.end(),
            [](const Copy* a, const Copy* b) { return a->mailbox->id() < b->mailbox->id(); });
  for (Copy* copy : by_mailbox) {
    copy->uidl_turn = co_await tools_.uidls->Lock(copy->mailbox->id(), wanted);
    absl::StatusOr<bool> taken = co_await tools_.uidls->IsTaken(copy->mailbox->id(), wanted);
    if (!taken.ok()) {
      copy->result.status = WithReason(taken.status());
      copy->decided = true;
    } else if (*taken) {
      copy->uidl_replaced = true;
    } else {
      copy->own_uidl = wanted;
    }
  }
}

Task<void> IncomingMessage::WriteRows() {
  std::vector<Copy*> to_write;
  for (Copy& copy : copies_) {
    if (copy.decided) continue;
    // Checked again with the commit; here it saves writing the body for nothing.
    copy.result.status = CheckQuota(copy);
    copy.decided = !copy.result.status.ok();
    if (!copy.decided) to_write.push_back(&copy);
  }
  if (to_write.empty()) co_return;

  absl::Status put = PutLastChunk();
  if (!put.ok()) {
    for (Copy* copy : to_write) copy->result.status = WithReason(put);
    co_return;
  }
  std::vector<Task<CommitResult>> writing;
  for (Copy* copy : to_write) writing.push_back(WriteRow(copy));
  std::vector<CommitResult> written = co_await JoinAll(std::move(writing));
  for (size_t i = 0; i < to_write.size(); ++i) {
    to_write[i]->result.status = WithReason(written[i].status);
    to_write[i]->outcome_unknown = written[i].outcome_unknown;
    to_write[i]->decided = true;
  }
}

absl::Status IncomingMessage::PutLastChunk() {
  if (buffer_.empty()) return absl::OkStatus();
  struct Answer {
    absl::Mutex mutex;
    absl::Status status ABSL_GUARDED_BY(mutex);
  };
  // Not waited for: the commits behind it make it durable, or fail. A chunk that
  // the engine refuses, it refuses at once.
  auto answer = std::make_shared<Answer>();
  tools_.engine->PutChunk(guid_, chunks_++, std::exchange(buffer_, {}),
                          [answer](absl::Status status) {
                            absl::MutexLock lock(&answer->mutex);
                            answer->status = std::move(status);
                          });
  absl::MutexLock lock(&answer->mutex);
  return answer->status;
}

absl::Status IncomingMessage::CheckQuota(const Copy& copy) const {
  const Addressee& addressee = addressees_[copy.recipient];
  if (addressee.usage == nullptr) return absl::OkStatus();
  const uint64_t quota = addressee.account->quota_octets;
  if (addressee.usage->total() + normaliser_.octets() <= quota) return absl::OkStatus();
  return OverQuota(*addressee.account);
}

absl::Status IncomingMessage::ClaimQuota(const Copy& copy, const Head& head) const {
  const Addressee& addressee = addressees_[copy.recipient];
  if (addressee.usage == nullptr ||
      addressee.usage->SetWithin(addressee.account->quota_octets, copy.mailbox->id(),
                                 head.octets + normaliser_.octets())) {
    return absl::OkStatus();
  }
  return OverQuota(*addressee.account);
}

Task<CommitResult> IncomingMessage::WriteRow(Copy* copy) {
  std::shared_ptr<Mailbox> mailbox = copy->mailbox;
  StoredRow row;
  row.guid = row.body = guid_;
  row.own_uidl = copy->own_uidl;
  row.octets = normaliser_.octets();
  row.header_octets = normaliser_.header_octets();
  if (surrogate_ && surrogate_->needed()) {
    row.downgraded_octets = surrogate_->header().size() + row.octets - row.header_octets;
  }
  row.internal_date = envelope_.properties.internal_date.value_or(arrived_);
  // They were looked at when the delivery began.
  static_cast<void>(SetFlags(envelope_.properties.flags, row));
  row.save_date = tools_.clock->Now();
  row.has_dot_line = normaliser_.has_dot_line();
  const absl::Time saved = row.save_date;

  // Named, because g++ 12 copies the octets of a temporary closure in a co_await
  // operand, the strings' pointers to themselves included.
  Mailbox::Plan plan = [this, copy, row = std::move(row)](
                           Head& head, Change& change) mutable -> absl::Status {
    if (absl::Status fits = ClaimQuota(*copy, head); !fits.ok()) return fits;
    if (head.uid_next == UINT32_MAX) {
      return MakeError(v1::ERROR_REASON_STORE_FULL, "the mailbox has used up its UIDs");
    }
    const uint32_t uid = head.uid_next++;
    row.modseq = ++head.highest_modseq;
    RowTotals added;
    added.Add(row);
    added.AddNewTo(head, uid);
    change.puts.emplace_back(RowKey(uid), Encode(row));
    change.puts.emplace_back(ModseqKey(kChangePrefix, row.modseq, uid), std::string());
    change.references.emplace_back(row.body, uid);
    change.added.push_back(ListedRow::Of(uid, row));
    UidlIndex::Record(row, uid, change);
    copy->result = {absl::OkStatus(), copy->mailbox->id(), head.uidvalidity, uid, guid_,
                    row.Uidl(),       copy->uidl_replaced};
    if (!copy->id_key.empty()) {
      DeliveryIds::Record(
          copy->id_key,
          {uid, guid_, head.uidvalidity, row.save_date, row.own_uidl, copy->uidl_replaced},
          change);
    }
    return absl::OkStatus();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  if (result.status.ok() && !copy->id_key.empty()) {
    tools_.id_recorded(mailbox->id(), saved);
  }
  co_return result;
}

void IncomingMessage::SettleBody() {
  bool written = false;
  bool unknown = false;
  for (Copy& copy : copies_) {
    if (copy.result.uid != 0 && copy.result.guid == guid_) {
      written |= copy.result.status.ok();
      unknown |= copy.outcome_unknown;
    }
  }
  if (unknown) {
    tools_.pending->Doubt(guid_);
    return;
  }
  if (!written && (chunks_ > 0 || !copies_.empty())) {
    tools_.engine->EraseBody(guid_, [](absl::Status) {});
  }
  if (written) {
    // References of the copies that failed.
    for (Copy& copy : copies_) {
      if (copy.result.status.ok() || copy.result.uid == 0) continue;
      tools_.engine->RemoveReference(guid_, {copy.mailbox->id(), copy.result.uid},
                                     [](absl::Status) {});
    }
  }
  if (listed_) tools_.pending->Remove(guid_);
}

std::vector<RecipientResult> IncomingMessage::Results() {
  std::vector<RecipientResult> results(addressees_.size());
  for (size_t i = 0; i < addressees_.size(); ++i) {
    results[i].status = addressees_[i].status.ok() ? failure_ : addressees_[i].status;
  }
  for (Copy& copy : copies_) {
    RecipientResult& result = results[copy.recipient];
    result = copy.result;
    if (!result.status.ok()) result = {result.status};
  }
  copies_.clear();  // others with the same delivery id may go on
  return results;
}

}  // namespace restante::store
