// The protocols by which Postfix asks: socketmap_table(5) with its netstrings,
// tcp_table(5), and policy delegation (SMTPD_POLICY_README). Takes requests off the
// beginning of what was received, and writes answers; knows no I/O, and nothing of what is
// asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace restante::postfix {

enum class Taken {
  kMore,     // no whole request is there yet
  kRequest,  // one was taken off
  kBroken,   // what is there can't become a request: the connection has to end
};

// The largest request of each, its framing included: an address of any length that SMTP
// allows, and for policies all else that Postfix says of a session.
inline constexpr size_t kMaxLookupOctets = 4096;
inline constexpr size_t kMaxPolicyOctets = 32 * 1024;

// "12:name address,".
struct SocketmapRequest {
  std::string map;
  std::string key;
};
Taken TakeSocketmap(std::string* input, SocketmapRequest* request);

std::string SocketmapFound(std::string_view value);
std::string SocketmapNotFound();
// To be tried again, or not. `why` is for the MTA's log.
std::string SocketmapTemporary(std::string_view why);
std::string SocketmapPermanent(std::string_view why);

// "get address\n", with %XX for what is no printable ASCII, blank or percent sign.
struct TcpRequest {
  // False: another verb than get.
  bool get = false;
  std::string key;
};
Taken TakeTcp(std::string* input, TcpRequest* request);

std::string TcpFound(std::string_view value);
std::string TcpNotFound();
std::string TcpTemporary(std::string_view why);

// "name=value\n" for each attribute, and an empty line. Of an attribute that comes twice
// the last one counts; others than these are passed over.
struct PolicyRequest {
  std::string request;    // "smtpd_access_policy"
  std::string recipient;  // empty if it isn't about one
  uint64_t size = 0;      // octets, as MAIL or the message says; 0: unknown
};
Taken TakePolicy(std::string* input, PolicyRequest* request);

// `action` as in access(5).
std::string PolicyAction(std::string_view action);

}  // namespace restante::postfix
