// A message on its way in: its body is taken while it arrives (incoming_body.h), then
// it is written as a row into a mailbox of each recipient, its INBOX or what
// directory_routing.cc finds in its place. A body that fits into one chunk
// is sent to the engine together with all its rows, so that the whole delivery is one
// batch.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/deliveries.h"
#include "storage-service/store/delivery_ids.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/field_matcher.h"
#include "storage-service/store/incoming_body.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/pending_bodies.h"
#include "storage-service/store/quota_claim.h"
#include "storage-service/store/store.h"
#include "storage-service/store/uidl_index.h"

namespace restante::store {

// What deliveries work with; all of it outlives them.
struct DeliveryTools {
  engine::Engine* engine = nullptr;
  Directory* directory = nullptr;
  MailboxTable* mailboxes = nullptr;
  PendingBodies* pending = nullptr;
  DeliveryIds* ids = nullptr;
  UidlIndex* uidls = nullptr;
  const Clock* clock = nullptr;
  uint64_t max_message_octets = 0;
  // Told of each mailbox that has a new delivery id.
  std::function<void(MailboxId, absl::Time)> id_recorded;
};

// An account that a recipient leads to.
struct Destination {
  Directory::Entry account;
  std::string detail;                         // of the address that led there; empty: none
  std::shared_ptr<const FilingRules> filing;  // null: none
  QuotaClaim quota;
};

// A recipient of the envelope: one account, those that an alias leads to, or why there
// is none.
struct Addressee {
  absl::Status status;
  std::vector<Destination> destinations;
  std::string alias;  // on the way there; empty: none
};

class IncomingMessage : public Delivery {
 public:
  // The envelope's recipients are the addressees, in the same order.
  IncomingMessage(DeliveryTools tools, Envelope envelope, std::vector<Addressee> addressees);
  // Not while a call is under way.
  ~IncomingMessage() override;

  Task<absl::Status> Append(std::string data) override;
  Task<std::vector<RecipientResult>> Finish() override;

 private:
  // What one account gets for one recipient.
  struct Copy {
    size_t recipient = 0;
    size_t destination = 0;  // of the recipient's
    std::shared_ptr<Mailbox> mailbox;
    std::string mailbox_name;
    bool second = false;  // the mailbox gets this message more than once
    std::string id_key;   // empty: no delivery id
    KeyedAsyncMutex::Guard turn;
    std::string own_uidl;  // empty: the one derived from the guid
    bool uidl_replaced = false;
    KeyedAsyncMutex::Guard uidl_turn;
    RecipientResult result;
    bool decided = false;
    bool outcome_unknown = false;
  };

  Task<void> FindMailboxes();
  Task<absl::Status> FindMailbox(Copy* copy);
  // What a rule or else the detail asks for; INBOX otherwise.
  Task<absl::StatusOr<Directory::NamedMailbox>> ChooseMailbox(const Destination* destination);
  Task<void> FindEarlierDeliveries();
  Task<void> ChooseUidls();
  const Destination& DestinationOf(const Copy& copy) const {
    return addressees_[copy.recipient].destinations[copy.destination];
  }
  // A recipient is given the message everywhere it leads to, or nowhere, as far as that
  // can be known beforehand.
  std::vector<Copy*> ChooseCopiesToWrite();
  Task<void> WriteRows();
  absl::Status CheckQuota(const Copy& copy) const;
  // For the plan of the commit.
  absl::Status ClaimQuota(const Copy& copy, const Head& head) const;
  Task<CommitResult> WriteRow(Copy* copy);
  void SettleBody();
  std::vector<RecipientResult> Results();

  const DeliveryTools tools_;
  const Envelope envelope_;
  std::vector<Addressee> addressees_;
  const absl::Time arrived_;
  // Nobody to deliver to: the octets are taken and dropped, each recipient has an
  // answer already.
  const bool nobody_;

  FieldMatcher header_;
  IncomingBody body_;
  absl::Status failure_;
  bool finished_ = false;
  std::vector<Copy> copies_;
};

}  // namespace restante::store
