// The fields that may be put on top of a message: Return-Path and Received (RFC 5321,
// section 4.4), and Delivered-To, which names the recipient and so makes a message of its
// own for each. Knows no I/O.
#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "plugins/lmtpd/client.h"

namespace restante::lmtp {

// Which of them.
struct TraceSettings {
  bool return_path = false;
  bool delivered_to = false;
  bool received = false;

  bool Any() const { return return_path || delivered_to || received; }
};

// Those of one message.
class TraceFields {
 public:
  // What Received tells of the transaction.
  struct Facts {
    std::string hostname;
    Client client;
    bool tls = false;
    bool smtputf8 = false;
    std::string request_id;
    absl::Time time;
  };

  // None.
  TraceFields() = default;
  TraceFields(const TraceSettings& settings, const std::string& sender, const Facts& facts);

  // Each recipient has fields of its own.
  bool DifferByRecipient() const { return settings_.delivered_to; }

  // With their CRLFs. Without a recipient: for all of them together.
  std::string For(std::string_view recipient) const;

 private:
  TraceSettings settings_;
  std::string return_path_;
  // Received up to its "for" clause, and from behind that on.
  std::string received_;
  std::string date_;
};

}  // namespace restante::lmtp
