// Appending messages to any mailbox of an account: IMAP's APPEND and MULTIAPPEND
// (RFC 9051, section 6.3.12; RFC 3502). All of them come in one commit.
#pragma once

#include <memory>
#include <vector>

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

  Task<absl::Status> Begin(MessageProperties properties, bool utf8,
                           uint64_t declared_octets) override;
  Task<absl::Status> Add(std::string data) override;
  Task<absl::Status> End() override;
  Task<absl::StatusOr<AppendAnswer>> Finish() override;

 private:
  struct Message {
    std::unique_ptr<IncomingBody> body;
    StoredRow row;  // flags and date; the rest when it is whole
  };

  // Whether one of so many octets fits, as the last of so many messages.
  absl::Status CheckFits(uint64_t octets, uint64_t messages) const;
  absl::Status Fill(Head& head, Change& change, AppendAnswer& answer);
  void Settle(const CommitResult& result);

  const DeliveryTools tools_;
  const QuotaClaim quota_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::vector<Message> messages_;
  bool under_way_ = false;  // the last of them isn't whole
  size_t buffered_ = 0;     // octets of whole messages that are in memory
  uint64_t octets_ = 0;     // of whole messages
  bool settled_ = false;
};

}  // namespace restante::store
