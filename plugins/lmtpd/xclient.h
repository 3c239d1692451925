// XCLIENT, by which a proxy in front of the server tells whose connection it passes on
// (Postfix's XCLIENT_README): takes its argument apart. Who may say so is the session's to
// know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "asio/ip/address.hpp"
#include "plugins/lmtpd/replies.h"

namespace restante::lmtp {

// The attributes, as LHLO lists them.
inline constexpr std::string_view kXclientAttributes =
    "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

// What was not given holds as before. [UNAVAILABLE] and [TEMPUNAVAIL] are an empty text,
// the unspecified address, and port 0.
struct XclientArguments {
  std::optional<std::string> name;
  std::optional<std::string> helo;
  std::optional<std::string> login;
  std::optional<asio::ip::address> address;
  std::optional<uint16_t> port;
  // PROTO, DESTADDR and DESTPORT are checked, and nobody here needs them.
};

// `argument` as in `ADDR=192.0.2.1 NAME=client.example`. The reply that refuses it, or
// null.
const Reply* ParseXclient(std::string_view argument, XclientArguments* arguments);

}  // namespace restante::lmtp
