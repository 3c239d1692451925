// A directory of Cyrus' spool, with the user's INBOX, as a source of mail: one file "UID."
// for each message. Other folders are other directories, and stay behind.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage-service/ctl/transfer/mail_source.h"

namespace restante::ctl {

// `uidl_format` is imapd.conf's: cyrus (also if empty), uidonly, dovecot, courier, or such
// as Dovecot has. Formats with the UIDVALIDITY need it; 0: it isn't known. Messages that
// `cyrus.index` has as expunged are left out, though their files are there. Flags are in
// that index too and don't come along.
absl::StatusOr<std::unique_ptr<MailSource>> OpenCyrus(const std::string& path,
                                                      const std::string& uidl_format,
                                                      uint32_t uidvalidity);

}  // namespace restante::ctl
