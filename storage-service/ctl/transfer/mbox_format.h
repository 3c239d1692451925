// What an mbox adds to its messages: the From_ line in front of each, the quoting of lines
// that look like one, and the header fields in which servers keep flags.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace restante::ctl {

enum class MboxQuoting {
  kMboxrd,  // ">" before "From ", ">From ", ">>From ", …: reversible
  kMboxo,   // ">" before "From " only
  kNone,    // lines stay as they are
};

// The time that a line "From SENDER DATE" says; nothing: it is no such line. Dates are as
// asctime writes them, with or without seconds and a zone; without one that is known they
// are in the zone `local`.
std::optional<absl::Time> ParseFromLine(absl::string_view line, absl::TimeZone local);

// "From SENDER DATE\n", in UTC. A sender that can't stand there is MAILER-DAEMON.
std::string FormatFromLine(absl::string_view sender, absl::Time received);

// How many octets of the line's beginning are quoting.
size_t QuotingOf(absl::string_view line, MboxQuoting quoting);

// Whether mboxrd quotes this line.
bool NeedsQuoting(absl::string_view line);

// What the fields Status, X-Status, X-Keywords, X-UID, X-IMAP and X-IMAPbase say.
struct MboxStatus {
  std::vector<std::string> flags;  // as IMAP has them
  uint32_t uid = 0;
  // Of the first message only.
  uint32_t uidvalidity = 0;
  uint32_t last_uid = 0;
};

// Whether the field, "NAME: VALUE" with its continuation lines, is one that servers add
// to an mbox and hide from clients: the above, and Content-Length.
bool IsMboxField(absl::string_view field);

// Adds what it says.
void ReadMboxField(absl::string_view field, MboxStatus* status);

// Fields that say it, each ended by LF.
std::string FormatMboxFields(const std::vector<std::string>& flags, uint32_t uid);

}  // namespace restante::ctl
