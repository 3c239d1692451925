// The folders of a Maildir: Maildir++ (".Sent", ".Archive.2024" beside the INBOX's cur and
// new), and directories below each other (Dovecot's LAYOUT=fs); and which of them the user
// has subscribed to.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace restante::ctl {

struct MaildirFolder {
  std::string mailbox;  // as it is called here
  std::string path;
};

bool IsMaildir(const std::string& path);

// The root itself, as INBOX, and the folders in it, by name. Two whose names become the
// same here are both there. An error if the root isn't a Maildir or can't be read.
absl::StatusOr<std::vector<MaildirFolder>> FindMaildirFolders(const std::string& root);

// Names of mailboxes, from Dovecot's `subscriptions` or Courier's `courierimapsubscribed`;
// none if there is neither.
absl::StatusOr<std::vector<std::string>> MaildirSubscriptions(const std::string& root);

}  // namespace restante::ctl
