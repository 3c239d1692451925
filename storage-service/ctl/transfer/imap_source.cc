#include "storage-service/ctl/transfer/imap_source.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/transfer/imap_client.h"
#include "storage-service/ctl/transfer/mailbox_names.h"
#include "storage-service/ctl/transfer/old_uidls.h"

namespace restante::ctl {
namespace {

// One answer of the server, which is in memory as a whole.
constexpr size_t kFetchedTogether = 200;
constexpr uint64_t kFetchedOctets = uint64_t{2} << 20;
// A larger message comes in parts of this size.
constexpr uint32_t kFetchedPart = uint32_t{1} << 20;

constexpr std::array<const char*, 8> kSpecialUses = {"\\All",     "\\Archive",  "\\Drafts",
                                                     "\\Flagged", "\\Junk",     "\\Sent",
                                                     "\\Trash",   "\\Important"};

bool HasAttribute(const std::vector<std::string>& attributes, absl::string_view wanted) {
  return std::any_of(attributes.begin(), attributes.end(), [wanted](const std::string& name) {
    return absl::EqualsIgnoreCase(name, wanted);
  });
}

class ImapSource : public MailSource {
 public:
  ImapSource(const MailServer& server, ImapOptions options, std::optional<UidlFormat> format,
             std::unique_ptr<ImapClient> client)
      : name_(server.Name()),
        kind_(absl::StrCat("imap ", server.user, "@", server.host)),
        options_(std::move(options)),
        format_(std::move(format)),
        client_(std::move(client)) {}

  std::string kind() const override { return kind_; }
  absl::StatusOr<std::vector<SourceMailbox>> Mailboxes() override;
  absl::StatusOr<std::vector<std::string>> Subscriptions() override;
  absl::StatusOr<std::vector<SourceMessage>> Messages(SourceMailbox* mailbox) override;
  absl::Status Fetch(const SourceMailbox& mailbox, std::vector<SourceMessage> wanted,
                     MessageSink* sink) override;

 private:
  absl::Status FetchTogether(const SourceMessage* first, size_t count, MessageSink* sink);
  absl::Status FetchInParts(const SourceMessage& message, MessageSink* sink);

  const std::string name_;
  const std::string kind_;
  const ImapOptions options_;
  const std::optional<UidlFormat> format_;
  const std::unique_ptr<ImapClient> client_;
};

absl::StatusOr<std::vector<SourceMailbox>> ImapSource::Mailboxes() {
  const absl::StatusOr<std::vector<ImapMailbox>> listed = client_->List();
  if (!listed.ok()) return listed.status();
  std::vector<SourceMailbox> mailboxes;
  for (const ImapMailbox& there : *listed) {
    if (HasAttribute(there.attributes, "\\NoSelect") ||
        HasAttribute(there.attributes, "\\NonExistent"))
      continue;
    SourceMailbox mailbox;
    mailbox.name = MailboxNameOf(there.levels);
    mailbox.place = there.name;
    for (const char* use : kSpecialUses) {
      if (HasAttribute(there.attributes, use)) mailbox.special_use.emplace_back(use);
    }
    if (!options_.views && (HasAttribute(there.attributes, "\\All") ||
                            HasAttribute(there.attributes, "\\Flagged"))) {
      Note(absl::StrCat(
          "mailbox ", mailbox.name,
          " only shows messages of others and stays behind; --mailbox asks for it"));
      continue;
    }
    const absl::StatusOr<ImapStatus> status = client_->Status(there.name);
    if (IsServerLost(status.status())) return status.status();
    // One that can't be opened is told of when its turn comes.
    if (status.ok()) mailbox.messages = status->messages;
    mailboxes.push_back(std::move(mailbox));
  }
  return mailboxes;
}

absl::StatusOr<std::vector<std::string>> ImapSource::Subscriptions() {
  const absl::StatusOr<std::vector<ImapMailbox>> listed = client_->Subscriptions();
  if (!listed.ok()) return listed.status();
  std::vector<std::string> names;
  for (const ImapMailbox& there : *listed) {
    // LSUB shows those above a subscribed mailbox in this way.
    if (!HasAttribute(there.attributes, "\\NoSelect"))
      names.push_back(MailboxNameOf(there.levels));
  }
  return names;
}

absl::StatusOr<std::vector<SourceMessage>> ImapSource::Messages(SourceMailbox* mailbox) {
  const absl::StatusOr<ImapStatus> examined = client_->Examine(mailbox->place);
  if (!examined.ok()) return examined.status();
  mailbox->uidvalidity = examined->uidvalidity;
  mailbox->uid_next = examined->uid_next;
  const absl::StatusOr<std::vector<ImapMessage>> listed = client_->Messages(examined->messages);
  if (!listed.ok()) return listed.status();
  std::vector<SourceMessage> messages;
  messages.reserve(listed->size());
  for (const ImapMessage& there : *listed) {
    SourceMessage& message = messages.emplace_back();
    message.name = absl::StrCat(name_, ", ", mailbox->name, ", UID ", there.uid);
    message.id = absl::StrCat(examined->uidvalidity, ".", there.uid);
    message.received = there.internal_date;
    message.flags = there.flags;
    message.uid = there.uid;
    message.octets = there.octets;
    if (format_ && mailbox->name == "INBOX") {
      message.uidl = format_->Expand(there.uid, examined->uidvalidity, "", "");
    }
    mailbox->uid_next = std::max(mailbox->uid_next, there.uid + 1);
  }
  return messages;
}

absl::Status ImapSource::Fetch(const SourceMailbox& /*mailbox*/,
                               std::vector<SourceMessage> wanted, MessageSink* sink) {
  size_t at = 0;
  while (at < wanted.size()) {
    size_t count = 0;
    uint64_t octets = 0;
    while (at + count < wanted.size() && count < kFetchedTogether &&
           octets + wanted[at + count].octets <= kFetchedOctets) {
      octets += wanted[at + count].octets;
      ++count;
    }
    absl::Status status =
        count == 0 ? FetchInParts(wanted[at], sink) : FetchTogether(&wanted[at], count, sink);
    if (!status.ok()) return status;
    at += std::max<size_t>(count, 1);
  }
  return absl::OkStatus();
}

absl::Status ImapSource::FetchTogether(const SourceMessage* first, size_t count,
                                       MessageSink* sink) {
  std::vector<uint32_t> uids;
  for (size_t i = 0; i < count; ++i) uids.push_back(first[i].uid);
  std::map<uint32_t, std::optional<std::string>> fetched;
  absl::Status status =
      client_->Fetch(uids, [&fetched](uint32_t uid, std::optional<std::string> octets) {
        fetched[uid] = std::move(octets);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  for (size_t i = 0; i < count; ++i) {
    const auto found = fetched.find(first[i].uid);
    if (found == fetched.end()) {
      sink->Gone(first[i]);
      continue;
    }
    if (!found->second) {
      sink->Unreadable(first[i], RefusedError("the server gives no content"));
      continue;
    }
    status = sink->Begin(first[i]);
    if (status.ok()) status = sink->Data(*std::move(found->second));
    if (status.ok()) status = sink->End();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ImapSource::FetchInParts(const SourceMessage& message, MessageSink* sink) {
  // Until a part is short: sizes that servers tell aren't always right.
  for (uint64_t offset = 0;; offset += kFetchedPart) {
    absl::StatusOr<std::optional<std::string>> part =
        client_->FetchPart(message.uid, static_cast<uint32_t>(offset), kFetchedPart);
    if (!part.ok()) return part.status();
    if (!part->has_value()) {
      if (offset > 0) return sink->Abandon(RefusedError("it was deleted while it was read"));
      sink->Gone(message);
      return absl::OkStatus();
    }
    const bool last = (*part)->size() < kFetchedPart;
    absl::Status status = offset == 0 ? sink->Begin(message) : absl::OkStatus();
    if (status.ok() && !(*part)->empty()) status = sink->Data(**std::move(part));
    if (status.ok() && last) return sink->End();
    if (!status.ok()) return status;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<MailSource>> OpenImap(const MailServer& server,
                                                     const ImapOptions& options) {
  std::optional<UidlFormat> format;
  if (!options.uidl_format.empty()) {
    absl::StatusOr<UidlFormat> parsed = UidlFormat::Parse(options.uidl_format);
    if (!parsed.ok()) return UsageError(parsed.status().message());
    if (parsed->NeedsFile()) {
      return UsageError("--uidl-format: IMAP tells nothing of files: use %u and %v only");
    }
    format = *std::move(parsed);
  }
  absl::StatusOr<std::unique_ptr<ImapClient>> client = ImapClient::LogIn(server);
  if (!client.ok()) return client.status();
  return std::make_unique<ImapSource>(server, options, std::move(format), *std::move(client));
}

}  // namespace restante::ctl
