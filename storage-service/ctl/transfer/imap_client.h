// IMAP (RFC 3501) from the client's side, as an import needs it: libetpan behind an
// interface of this program's types, over a connection whose certificate is checked here
// (libetpan doesn't). Mailboxes are examined, never selected: nothing changes there.
//
// Not thread-safe.
#pragma once

#include <libetpan/mailimap.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/ctl/transfer/net_stream.h"

namespace restante::ctl {

struct ImapMailbox {
  std::string name;                     // in modified UTF-7, as the server writes it
  std::vector<std::string> levels;      // the same, divided, without the namespace's prefix
  std::vector<std::string> attributes;  // "\\Sent", "\\NoSelect"
};

struct ImapStatus {
  uint32_t messages = 0;
  uint32_t uid_next = 0;
  uint32_t uidvalidity = 0;
};

struct ImapMessage {
  uint32_t uid = 0;
  std::vector<std::string> flags;
  std::optional<absl::Time> internal_date;
  uint64_t octets = 0;
};

class ImapClient {
 public:
  // Connected, by TLS as the server's settings want it, and logged in.
  static absl::StatusOr<std::unique_ptr<ImapClient>> LogIn(const MailServer& server);
  ~ImapClient();

  // The user's own mailboxes: what others share isn't theirs.
  absl::StatusOr<std::vector<ImapMailbox>> List();
  absl::StatusOr<std::vector<ImapMailbox>> Subscriptions();
  absl::StatusOr<ImapStatus> Status(const std::string& name);

  absl::StatusOr<ImapStatus> Examine(const std::string& name);
  // All that there is to know of the examined mailbox's messages, by UID.
  absl::StatusOr<std::vector<ImapMessage>> Messages(uint32_t count);
  // Whole messages of the examined mailbox, in memory; those that the server doesn't give
  // are told of without content. In any order.
  using Take = std::function<absl::Status(uint32_t uid, std::optional<std::string> octets)>;
  absl::Status Fetch(const std::vector<uint32_t>& uids, const Take& take);
  // Some octets of one message; fewer than wanted at its end. Nothing: it isn't there.
  absl::StatusOr<std::optional<std::string>> FetchPart(uint32_t uid, uint32_t offset,
                                                       uint32_t octets);

 private:
  ImapClient() = default;

  absl::Status Begin();
  absl::StatusOr<std::vector<ImapMailbox>> ListBy(int (*list)(mailimap*, const char*,
                                                              const char*, clist**));
  void FindPrefix();
  // The failure of a command; OK if there is none.
  absl::Status StatusOf(int code, absl::string_view command) const;

  std::unique_ptr<NetStream> stream_;
  mailimap* session_ = nullptr;
  std::string prefix_;               // of the user's namespace
  std::vector<std::string> others_;  // prefixes of others' namespaces
};

}  // namespace restante::ctl
