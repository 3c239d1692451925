// Dovecot's authentication protocol, version 1, as the server of a client socket speaks it
// (https://doc.dovecot.org/2.3/developer_manual/design/auth_protocol/): lines of fields
// that tabs separate. Takes lines apart and writes them; knows no I/O and no state.
//
// A value's tabs, line ends, NULs and 0x01 travel as two octets each, the first being
// 0x01.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace restante::auth {

// Longest line that is read, its end included: a password of 1,024 octets, a name and what
// an MTA says of its client need half of it.
inline constexpr size_t kMaxLineOctets = 8192;

struct ClientLine {
  enum class Verb {
    kUnknown,    // to be passed over, as the protocol wants it
    kMalformed,  // a command of the protocol's with wrong fields
    kVersion,    // VERSION major minor
    kProcess,    // CPID pid
    kAuth,       // AUTH id mechanism [parameters]
    kContinue,   // CONT id response
    kCancel,     // CANCEL id
  };
  Verb verb = Verb::kUnknown;

  uint32_t major = 0;  // kVersion
  uint32_t id = 0;     // kAuth, kContinue, kCancel; not 0

  // kAuth.
  std::string mechanism;  // in upper case
  std::string service;    // "smtp"
  std::string remote;     // the client's address, with its port if that was told
  bool secured = false;   // by TLS, or as good as that

  // kContinue, and kAuth with an initial response: base64, as it came.
  bool has_response = false;
  std::string response;
};

// `line` comes without its line end.
ClientLine ParseLine(std::string_view line);

// What the server says first. `cookie` is of 32 hexadecimal digits, and so hard to guess
// as ids of connections have to be.
std::string Handshake(uint32_t pid, uint32_t connection, std::string_view cookie);

// `challenge` as it is, before base64.
std::string ContinueLine(uint32_t id, std::string_view challenge);
std::string OkLine(uint32_t id, std::string_view user);

// Why a login failed, as far as an MTA may know.
enum class Failure {
  kCredentials,  // name or password; or what the client sent makes no sense
  kDisabled,     // the account is, and the password was right
  kOtherUser,    // it wants to act for somebody else
  kTemporary,    // to be tried again
};
// `user` may be empty.
std::string FailLine(uint32_t id, std::string_view user, Failure failure);

std::string EscapeValue(std::string_view value);
std::string UnescapeValue(std::string_view value);

}  // namespace restante::auth
