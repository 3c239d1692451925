// Names of mailboxes as other servers write them, and as they are called here: UTF-8 in
// normalization form C, levels divided by "/".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace restante::ctl {

// Modified UTF-7 (RFC 3501, section 5.1.3); nothing: it isn't that.
std::optional<std::string> FromModifiedUtf7(absl::string_view name);
std::string ToModifiedUtf7(absl::string_view name);

// A name of levels that are in modified UTF-7, or in UTF-8 already. What can't be in a
// name here becomes "_": "/", control characters, spaces at either end of a level, and
// octets of no character set. An empty level becomes "_".
std::string MailboxNameOf(const std::vector<std::string>& levels);

// A name as the folder of a Maildir++ below its root: ".Archive.2024". A dot in a level
// becomes "_". INBOX is "".
std::string MaildirFolderOf(absl::string_view mailbox);

}  // namespace restante::ctl
