// The commands of LMTP (RFC 2033, RFC 5321, RFC 3030): takes a line apart. Knows no
// I/O and no state: whether a command may come now is the session's to say.
//
// Functions that can refuse their argument return the reply that says so, or null.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "plugins/lmtpd/address.h"
#include "plugins/lmtpd/replies.h"

namespace restante::lmtp {

// Longest command line that is read, CRLF included. RFC 5321, section 4.5.3.1.4, asks
// for 512 octets and more for each extension; this leaves room for long VERP senders.
inline constexpr size_t kMaxCommandOctets = 2048;

enum class Verb {
  kUnknown,
  kLhlo,
  kOtherHello,  // EHLO and HELO, which RFC 2033, section 4.1, forbids here
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kNoop,
  kQuit,
  kVrfy,
  kHelp,
  kStartTls,
  kXclient,
  kNotImplemented,  // known to SMTP, not offered here: EXPN, AUTH, …
  kBadCharacters,   // the line has control characters
};

struct Command {
  Verb verb = Verb::kUnknown;
  // What follows the verb, without the white space around it. Part of the line.
  std::string_view argument;
};

// `line` comes without its line end.
Command ParseCommand(std::string_view line);

struct MailArguments {
  Path sender;
  // SIZE (RFC 1870); 0 if not given.
  uint64_t declared_octets = 0;
  bool smtputf8 = false;
};

// `argument` as in `FROM:<a@b> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x`; the last
// two are checked alone (dsn.h).
const Reply* ParseMail(std::string_view argument, MailArguments* mail);

// `argument` as in `TO:<a@b> NOTIFY=NEVER ORCPT=rfc822;a@b`; the parameters are checked
// alone (dsn.h).
const Reply* ParseRcpt(std::string_view argument, bool smtputf8, Path* recipient);

struct BdatArguments {
  uint64_t octets = 0;
  bool last = false;
};

// `argument` as in `1000 LAST`.
const Reply* ParseBdat(std::string_view argument, BdatArguments* bdat);

}  // namespace restante::lmtp
