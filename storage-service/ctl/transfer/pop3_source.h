// A POP3 server as a source of mail: an INBOX without flags, whose messages keep their
// UIDLs. A repetition retrieves only what isn't here.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "storage-service/ctl/transfer/mail_source.h"
#include "storage-service/ctl/transfer/net_stream.h"

namespace restante::ctl {

// Logs in. The maildrop is locked at the server as long as the source lives, if it is one
// of those that lock.
absl::StatusOr<std::unique_ptr<MailSource>> OpenPop3(const MailServer& server);

}  // namespace restante::ctl
