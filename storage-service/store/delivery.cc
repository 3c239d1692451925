#include "storage-service/store/delivery.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/join.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/row_addition.h"
#include "storage-service/store/store_failure.h"

namespace restante::store {

IncomingMessage::IncomingMessage(DeliveryTools tools, Envelope envelope,
                                 std::vector<Addressee> addressees)
    : tools_(std::move(tools)),
      envelope_(std::move(envelope)),
      addressees_(std::move(addressees)),
      arrived_(tools_.clock->Now()),
      nobody_(std::none_of(addressees_.begin(), addressees_.end(),
                           [](const Addressee& a) { return a.status.ok(); })),
      body_(tools_.engine, &tools_.mailboxes->bodies(), tools_.pending,
            tools_.max_message_octets, envelope_.smtputf8) {
  for (const Addressee& addressee : addressees_) {
    for (const Destination& destination : addressee.destinations) {
      if (destination.filing == nullptr) continue;
      for (const FilingRule& rule : *destination.filing) header_.LookFor(rule);
    }
  }
  body_.ShowHeaderTo(&header_);
}

IncomingMessage::~IncomingMessage() {
  if (!finished_) SettleBody();
}

Task<absl::Status> IncomingMessage::Append(std::string data) {
  if (nobody_) co_return failure_;
  failure_ = co_await body_.Append(std::move(data));
  co_return failure_;
}

Task<std::vector<RecipientResult>> IncomingMessage::Finish() {
  if (failure_.ok()) failure_ = co_await body_.End();
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
  for (size_t i = 0; i < addressees_.size(); ++i) {
    if (!addressees_[i].status.ok()) continue;
    for (size_t j = 0; j < addressees_[i].destinations.size(); ++j) {
      Copy& copy = copies_.emplace_back();
      copy.recipient = i;
      copy.destination = j;
    }
  }
  std::vector<Task<absl::Status>> searches;
  for (Copy& copy : copies_) searches.push_back(FindMailbox(&copy));
  std::vector<absl::Status> found = co_await JoinAll(std::move(searches));
  std::map<MailboxId, uint32_t> copies_of;
  for (size_t i = 0; i < found.size(); ++i) {
    Copy& copy = copies_[i];
    if (!found[i].ok()) {
      copy.result.status = WithReason(found[i]);
      copy.decided = true;
      continue;
    }
    const uint32_t number = copies_of[copy.mailbox->id()]++;
    copy.second = number > 0;
    if (!envelope_.delivery_id.empty()) {
      copy.id_key = DeliveryKeyOf(envelope_.delivery_id, number);
    }
  }
}

Task<absl::Status> IncomingMessage::FindMailbox(Copy* copy) {
  using Found = absl::StatusOr<std::shared_ptr<Mailbox>>;
  const Destination& destination = DestinationOf(*copy);
  absl::StatusOr<Directory::NamedMailbox> chosen = co_await ChooseMailbox(&destination);
  if (!chosen.ok()) co_return chosen.status();
  Found found = co_await tools_.mailboxes->Find(chosen->id);
  if (IsNoSuchMailbox(found.status()) && chosen->name != kInbox) {
    // One that was deleted in between is as one that wasn't there.
    chosen->name = kInbox;
    found = co_await tools_.mailboxes->Find(destination.account->inbox);
  }
  if (!found.ok()) co_return found.status();
  copy->mailbox = *std::move(found);
  copy->mailbox_name = std::move(chosen->name);
  co_return absl::OkStatus();
}

Task<absl::StatusOr<Directory::NamedMailbox>> IncomingMessage::ChooseMailbox(
    const Destination* destination) {
  if (destination->filing != nullptr) {
    const FilingRules& rules = *destination->filing;
    const auto rule = std::find_if(rules.begin(), rules.end(), [this](const FilingRule& one) {
      return header_.Found(one);
    });
    if (rule != rules.end()) {
      absl::StatusOr<Directory::NamedMailbox> filed =
          co_await tools_.directory->FindForRule(destination->account, rule->mailbox);
      co_return filed;
    }
  }
  if (!destination->detail.empty()) {
    absl::StatusOr<Directory::NamedMailbox> named =
        co_await tools_.directory->FindForDetail(destination->account, destination->detail);
    co_return named;
  }
  co_return Directory::NamedMailbox{kInbox, destination->account->inbox};
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

std::vector<IncomingMessage::Copy*> IncomingMessage::ChooseCopiesToWrite() {
  std::vector<absl::Status> failures(addressees_.size());
  for (const Copy& copy : copies_) {
    // Checked again with the commit; here it saves writing the body for nothing.
    absl::Status status = copy.decided ? copy.result.status : CheckQuota(copy);
    failures[copy.recipient].Update(status);
  }
  std::vector<Copy*> to_write;
  for (Copy& copy : copies_) {
    if (copy.decided) continue;
    copy.result.status = failures[copy.recipient];
    copy.decided = !copy.result.status.ok();
    if (!copy.decided) to_write.push_back(&copy);
  }
  return to_write;
}

Task<void> IncomingMessage::WriteRows() {
  std::vector<Copy*> to_write = ChooseCopiesToWrite();
  if (to_write.empty()) co_return;

  absl::Status put = body_.PutLastChunk();
  if (!put.ok()) {
    for (Copy* copy : to_write) copy->result.status = WithReason(put);
    co_return;
  }
  std::vector<Task<CommitResult>> writing;
  for (Copy* copy : to_write) writing.push_back(WriteRow(copy));
  std::vector<CommitResult> written = co_await JoinAll(std::move(writing));
  for (size_t i = 0; i < to_write.size(); ++i) {
    to_write[i]->result.status = WithReason(written[i].status);
    if (IsNoSuchMailbox(written[i].status) && to_write[i]->mailbox_name != kInbox) {
      // "No such mailbox" would be final for an MTA, and the next attempt finds another.
      to_write[i]->result.status = OverloadedError(
          absl::StrCat("the mailbox ", to_write[i]->mailbox_name, " was deleted just now"),
          absl::Seconds(1));
    }
    to_write[i]->outcome_unknown = written[i].outcome_unknown;
    to_write[i]->decided = true;
  }
}

absl::Status IncomingMessage::CheckQuota(const Copy& copy) const {
  return DestinationOf(copy).quota.Check({body_.octets(), 1});
}

absl::Status IncomingMessage::ClaimQuota(const Copy& copy, const Head& head) const {
  const Holding after{head.octets + body_.octets(), head.message_count + 1};
  return DestinationOf(copy).quota.Claim(copy.mailbox->id(), after);
}

Task<CommitResult> IncomingMessage::WriteRow(Copy* copy) {
  std::shared_ptr<Mailbox> mailbox = copy->mailbox;
  StoredRow row = body_.Row();
  row.own_uidl = copy->own_uidl;
  row.internal_date = envelope_.properties.internal_date.value_or(arrived_);
  // They were looked at when the delivery began.
  static_cast<void>(SetFlags(envelope_.properties.flags, row));
  row.save_date = tools_.clock->Now();
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
    AddRow(row, uid, change);
    copy->result = {absl::OkStatus(), copy->mailbox->id(), head.uidvalidity,   uid,
                    body_.guid(),     row.Uidl(),          copy->uidl_replaced};
    if (!copy->id_key.empty()) {
      DeliveryIds::Record(copy->id_key,
                          {uid, body_.guid(), head.uidvalidity, row.save_date, row.own_uidl,
                           copy->uidl_replaced},
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
    if (copy.result.uid != 0 && copy.result.guid == body_.guid()) {
      written |= copy.result.status.ok();
      unknown |= copy.outcome_unknown;
    }
  }
  if (unknown) {
    body_.InDoubt();
    return;
  }
  if (!written) {
    body_.NotWritten(!copies_.empty());
    return;
  }
  // References of the copies that failed.
  for (Copy& copy : copies_) {
    if (copy.result.status.ok() || copy.result.uid == 0) continue;
    tools_.engine->RemoveReference(body_.guid(), {copy.mailbox->id(), copy.result.uid},
                                   [](absl::Status) {});
  }
  body_.Written();
}

std::vector<RecipientResult> IncomingMessage::Results() {
  std::vector<RecipientResult> results(addressees_.size());
  for (size_t i = 0; i < addressees_.size(); ++i) {
    results[i].status = addressees_[i].status.ok() ? failure_ : addressees_[i].status;
  }
  for (const Copy& copy : copies_) {
    RecipientResult& result = results[copy.recipient];
    if (!result.status.ok()) continue;  // one that failed speaks for all
    if (!copy.result.status.ok()) {
      result = {copy.result.status};
    } else if (result.uid == 0) {
      result = copy.result;
      result.mailbox_name = copy.mailbox_name;
    }
  }
  copies_.clear();  // others with the same delivery id may go on
  return results;
}

}  // namespace restante::store
