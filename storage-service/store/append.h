// Appending messages to any mailbox of an account: IMAP's APPEND and MULTIAPPEND
// (RFC 9051, section 6.3.12; RFC 3502). All of them come in one commit.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/store/delivery.h"
#include "storage-service/store/incoming_body.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailboxes.h"
#include "storage-service/store/quota_claim.h"

namespace restante::store {

class AppendedMessages : public Appending {
 public:
  AppendedMessages(DeliveryTools tools, QuotaClaim quota, std::shared_ptr<Mailbox> mailbox)
      : tools_(std::move(tools)), quota_(std::move(quota)), mailbox_(std::move(mailbox)) {}
  // Not while a call is under way.
  ~AppendedMessages() override;

  Task<absl::Status> Begin(NewMessage message) override;
  Task<absl::Status> Add(std::string data) override;
  Task<absl::Status> End() override;
  Task<absl::StatusOr<AppendAnswer>> Finish() override;

 private:
  struct Message {
    std::unique_ptr<IncomingBody> body;
    StoredRow row;       // flags and date; the rest when it is whole
    uint32_t uid = 0;    // wanted; 0: the next
    std::string id_key;  // empty: no id
    std::string uidl;    // wanted; empty: the one derived from the guid
    bool uidl_replaced = false;
    std::optional<DeliveryRecord> earlier;
  };

  // Whether one of so many octets fits, as the last of so many messages.
  absl::Status CheckFits(uint64_t octets, uint64_t messages) const;
  Task<absl::Status> FindEarlier();
  Task<absl::Status> ChooseUidls();
  Task<CommitResult> Write(AppendAnswer* answer);
  absl::Status Fill(Head& head, Change& change, AppendAnswer& answer);
  void Settle(const CommitResult& result);

  const DeliveryTools tools_;
  const QuotaClaim quota_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::vector<Message> messages_;
  bool under_way_ = false;  // the last of them isn't whole
  size_t buffered_ = 0;     // octets of whole messages that are in memory
  uint64_t octets_ = 0;     // of whole messages
  absl::flat_hash_set<std::string> id_keys_;
  std::vector<KeyedAsyncMutex::Guard> turns_;  // of ids and UIDLs
  bool settled_ = false;
};

}  // namespace restante::store
