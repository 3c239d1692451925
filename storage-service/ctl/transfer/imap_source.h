// An IMAP server as a source of mail: the user's mailboxes with flags, keywords, dates,
// subscriptions, special uses and UIDs. Nothing changes there, \Seen neither. A repetition
// fetches only what isn't here.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage-service/ctl/transfer/mail_source.h"
#include "storage-service/ctl/transfer/net_stream.h"

namespace restante::ctl {

struct ImapOptions {
  // What the server's POP3 makes UIDLs of, with %u and %v (old_uidls.h); empty: messages
  // get new ones.
  std::string uidl_format;
  // Also mailboxes that show messages of others once more (\All, \Flagged).
  bool views = false;
};

// Logs in. A usage error: the format needs what IMAP doesn't tell.
absl::StatusOr<std::unique_ptr<MailSource>> OpenImap(const MailServer& server,
                                                     const ImapOptions& options);

}  // namespace restante::ctl
