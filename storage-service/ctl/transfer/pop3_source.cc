#include "storage-service/ctl/transfer/pop3_source.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/transfer/message_date.h"
#include "storage-service/ctl/transfer/pop3_client.h"

namespace restante::ctl {
namespace {

// The header is looked at for a date, as far as this.
constexpr size_t kMostHeader = size_t{64} << 10;

class Pop3Source : public MailSource {
 public:
  Pop3Source(const MailServer& server, std::unique_ptr<Pop3Client> client)
      : name_(server.Name()),
        kind_(absl::StrCat("pop3 ", server.user, "@", server.host)),
        client_(std::move(client)) {}

  std::string kind() const override { return kind_; }
  absl::StatusOr<std::vector<SourceMailbox>> Mailboxes() override;
  absl::StatusOr<std::vector<SourceMessage>> Messages(SourceMailbox* /*mailbox*/) override {
    return messages_;
  }
  absl::Status Fetch(const SourceMailbox& mailbox, std::vector<SourceMessage> wanted,
                     MessageSink* sink) override;
  absl::Status Delete(const SourceMailbox& /*mailbox*/,
                      const std::vector<SourceMessage>& messages) override {
    return client_->DeleteAndQuit(NumbersOf(messages));
  }

 private:
  std::vector<uint32_t> NumbersOf(const std::vector<SourceMessage>& messages) const;

  const std::string name_;
  const std::string kind_;
  const std::unique_ptr<Pop3Client> client_;
  std::vector<SourceMessage> messages_;
  absl::flat_hash_map<std::string, uint32_t> numbers_;  // by id
};

absl::StatusOr<std::vector<SourceMailbox>> Pop3Source::Mailboxes() {
  const auto uidls = client_->List("UIDL");
  if (!uidls.ok()) {
    if (IsServerLost(uidls.status())) return uidls.status();
    return RefusedError(
        absl::StrCat(uidls.status().message(),
                     ": without UIDLs clients would fetch everything again, and a "
                     "repetition would store everything twice"));
  }
  const auto sizes = client_->List("LIST");
  if (!sizes.ok()) return sizes.status();
  absl::flat_hash_map<uint32_t, uint64_t> octets;
  for (const Pop3Client::Listed& listed : *sizes) {
    static_cast<void>(absl::SimpleAtoi(listed.text, &octets[listed.number]));
  }
  for (const Pop3Client::Listed& listed : *uidls) {
    SourceMessage message;
    message.name =
        absl::StrCat(name_, ", message ", listed.number, " (UIDL ", listed.text, ")");
    message.uidl = message.id = listed.text;
    // They should be unique. The second gets another UIDL here.
    for (int i = 2; !numbers_.emplace(message.id, listed.number).second; ++i) {
      message.id = absl::StrCat(listed.text, " ", i);
    }
    message.octets = octets[listed.number];
    messages_.push_back(std::move(message));
  }
  SourceMailbox inbox;
  inbox.name = "INBOX";
  inbox.place = name_;
  inbox.messages = messages_.size();
  return std::vector<SourceMailbox>{std::move(inbox)};
}

std::vector<uint32_t> Pop3Source::NumbersOf(const std::vector<SourceMessage>& messages) const {
  std::vector<uint32_t> numbers;
  for (const SourceMessage& message : messages) numbers.push_back(numbers_.at(message.id));
  return numbers;
}

absl::Status Pop3Source::Fetch(const SourceMailbox& /*mailbox*/,
                               std::vector<SourceMessage> wanted, MessageSink* sink) {
  size_t at = 0;
  bool begun = false;
  bool skipped = false;
  std::string header;  // until it is known to be whole
  // POP3 doesn't tell when a message came; its header does.
  const auto begin = [&]() -> absl::Status {
    begun = true;
    wanted[at].received = ReceivedDate(header);
    absl::Status status = sink->Begin(wanted[at]);
    if (status.ok() && !header.empty())
      status = sink->Data(std::exchange(header, std::string()));
    return status;
  };
  Pop3Client::Reader reader;
  reader.begin = [&](size_t index, absl::Status refused) {
    at = index;
    begun = false;
    skipped = !refused.ok();
    header.clear();
    if (skipped) sink->Unreadable(wanted[at], refused);
    return absl::OkStatus();
  };
  reader.data = [&](std::string octets) -> absl::Status {
    if (begun) return sink->Data(std::move(octets));
    header += octets;
    const bool whole = header.size() > kMostHeader || absl::StrContains(header, "\r\n\r\n");
    return whole ? begin() : absl::OkStatus();
  };
  reader.end = [&]() -> absl::Status {
    absl::Status status = begun ? absl::OkStatus() : begin();
    return status.ok() ? sink->End() : status;
  };
  return client_->Retrieve(NumbersOf(wanted), reader);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MailSource>> OpenPop3(const MailServer& server) {
  absl::StatusOr<std::unique_ptr<Pop3Client>> client = Pop3Client::LogIn(server);
  if (!client.ok()) return client.status();
  return std::make_unique<Pop3Source>(server, *std::move(client));
}

}  // namespace restante::ctl
