// A mail transaction (RFC 5321, section 3.3): envelope, what became of each recipient,
// and the log lines about it. Knows no I/O.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/log.h"
#include "plugins/lmtpd/command.h"
#include "plugins/lmtpd/recipient_slots.h"
#include "plugins/lmtpd/replies.h"
#include "plugins/lmtpd/upload.h"
#include "restante/v1/delivery.pb.h"

namespace restante::lmtp {

class Transaction {
 public:
  // `client` is its address, for the log; `slots` must outlive this.
  Transaction(MailArguments mail, std::string request_id, std::string client,
              RecipientSlots& slots);

  const MailArguments& mail() const { return mail_; }
  const std::string& request_id() const { return request_id_; }

  // The RCPTs that were answered 250, in their order.
  size_t accepted() const { return accepted_.size(); }
  void Accept(std::string recipient) { accepted_.push_back(std::move(recipient)); }
  // False: too many other transactions have this recipient now.
  bool TakeSlot(std::string_view recipient) { return slots_.Take(recipient); }
  // A RCPT that was not; for the log.
  void Refuse(const std::string& recipient, const Reply& reply);

  // What the storage service needs to know; `client` is told as it is.
  v1::Envelope MakeEnvelope(v1::ClientInfo client) const;

  // Log lines, 50 recipients in each, about the message's end: `replies` has one for
  // each accepted recipient.
  void LogMessageEnd(const std::vector<Reply>& replies, uint64_t octets) const;
  // About a transaction without a message, if there was a recipient in it.
  void LogAborted(absl::string_view why) const;

  // The message, from DATA or the first BDAT on.
  std::unique_ptr<Upload> upload;
  // A BDAT was answered with an error: the message can't be completed any more.
  bool chunk_failed = false;

 private:
  void LogLines(absl::string_view event, const std::vector<std::string>& outcomes,
                LogField last) const;

  const MailArguments mail_;
  const std::string request_id_;
  const std::string client_;
  RecipientSlots::Hold slots_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::vector<std::string> accepted_;
  // The first few as the log has them, and how many there were.
  std::vector<std::string> refused_;
  size_t refused_count_ = 0;
};

}  // namespace restante::lmtp
