// A Maildir with its folders, of Dovecot's, Courier's or anybody's, as a source of mail.
//
// The old server may go on using it: a file that has been renamed between listing and
// reading, because its flags changed, is found again, and comes with its new flags.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage-service/ctl/transfer/mail_source.h"

namespace restante::ctl {

struct MaildirOptions {
  // Whose lists beside the messages are read: those with UIDLs and UIDs.
  enum class Server { kAny, kDovecot, kCourier };
  Server server = Server::kAny;
  std::string uidl_format;        // Dovecot's pop3_uidl_format; empty: its default
  bool dates_from_names = false;  // rather than the files' times
  bool with_uids = false;         // the order of Courier's UIDs, where there are some
};

// Errors: the path is no Maildir; the format isn't understood (usage).
absl::StatusOr<std::unique_ptr<MailSource>> OpenMaildir(const std::string& path,
                                                        MaildirOptions options);

}  // namespace restante::ctl
