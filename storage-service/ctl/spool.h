// Mail as other servers keep it on disk: what there is, and what those servers told
// their clients of it. Reads directories and lists; bodies are read by who wants them.
//
// Folders below the INBOX are passed over: POP3 has only the INBOX.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace restante::ctl {

struct SpoolMessage {
  std::string path;
  // Names the message wherever its spool is moved to; the file's name without what
  // changes, such as flags.
  std::string id;
  // When it was received; both kinds of spool keep that as the file's time.
  absl::Time received;
  std::vector<std::string> flags;  // as IMAP has them
  // What the old server gave; empty: nothing yet.
  std::string uidl;
};

struct Spool {
  // In the order of the old server's UIDs, those without one behind.
  std::vector<SpoolMessage> messages;
  // What may surprise an operator, in words.
  std::vector<std::string> notes;
};

// A Maildir; nobody has given UIDLs. Flags are those of the files' names, keywords
// from `dovecot-keywords` included if it is there.
absl::StatusOr<Spool> ReadMaildir(const std::string& path);

// A Maildir of Dovecot's, with UIDLs as `dovecot-uidlist` and pop3_uidl_format have
// them; `uidl_format` empty: Dovecot's default. See dovecot_uidls.h.
absl::StatusOr<Spool> ReadDovecot(const std::string& path, const std::string& uidl_format);

// A Maildir of Courier's, with UIDLs as `courierpop3dsizelist` has them.
absl::StatusOr<Spool> ReadCourier(const std::string& path);

// A directory of Cyrus', with one file "UID." for each message. `uidl_format` is
// imapd.conf's: cyrus (also if empty), uidonly, dovecot, courier, or such as Dovecot
// has. Formats with the UIDVALIDITY need it; 0: it isn't known. Messages that
// `cyrus.index` has as expunged are left out, though their files are there. Flags are in
// that index too and don't come along.
absl::StatusOr<Spool> ReadCyrus(const std::string& path, const std::string& uidl_format,
                                uint32_t uidvalidity);

}  // namespace restante::ctl
