#include "common/proxy_protocol.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace restante {
namespace {

using Outcome = ProxyParse::Outcome;

constexpr absl::string_view kText = "PROXY ";
// With its CRLF.
constexpr size_t kMaxTextOctets = 107;
constexpr absl::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kFixedOctets = 16;

ProxyParse Incomplete() { return {}; }

ProxyParse Invalid(absl::string_view error) {
  ProxyParse parse;
  parse.outcome = Outcome::kInvalid;
  parse.error = error;
  return parse;
}

ProxyParse Complete(size_t length, ProxyHeader header) {
  ProxyParse parse;
  parse.outcome = Outcome::kHeader;
  parse.length = length;
  parse.header = std::move(header);
  return parse;
}

bool ParsePort(absl::string_view text, uint16_t* port) {
  uint32_t number = 0;
  // Digits alone, and no zero in front.
  if (text.empty() || text.size() > 5 || text.find_first_not_of("0123456789") != text.npos ||
      (text.size() > 1 && text[0] == '0') || !absl::SimpleAtoi(text, &number) ||
      number > 65535) {
    return false;
  }
  *port = static_cast<uint16_t>(number);
  return true;
}

bool ParseEndpoint(bool v6, absl::string_view host, absl::string_view port,
                   asio::ip::tcp::endpoint* endpoint) {
  uint16_t number = 0;
  asio::error_code error;
  const asio::ip::address address = asio::ip::make_address(std::string(host), error);
  // A scope, as in "fe80::1%eth0", means nothing on another machine.
  if (error || address.is_v6() != v6 || host.find('%') != host.npos ||
      !ParsePort(port, &number)) {
    return false;
  }
  *endpoint = {address, number};
  return true;
}

ProxyParse ParseText(absl::string_view octets) {
  const size_t end = octets.substr(0, kMaxTextOctets).find('\n');
  if (end == octets.npos) {
    return octets.size() < kMaxTextOctets ? Incomplete()
                                          : Invalid("a header of version 1 without an end");
  }
  absl::string_view line = octets.substr(0, end);
  if (!absl::ConsumeSuffix(&line, "\r")) return Invalid("a line that doesn't end in CRLF");
  line.remove_prefix(kText.size());
  ProxyHeader header;
  // What else stands behind UNKNOWN is to be passed over.
  if (line == "UNKNOWN" || absl::ConsumePrefix(&line, "UNKNOWN ")) {
    return Complete(end + 1, std::move(header));
  }
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
  const bool v6 = fields[0] == "TCP6";
  if (!v6 && fields[0] != "TCP4") return Invalid("neither TCP4, TCP6 nor UNKNOWN");
  if (fields.size() != 5) return Invalid("not two addresses and two ports");
  if (!ParseEndpoint(v6, fields[1], fields[3], &header.source) ||
      !ParseEndpoint(v6, fields[2], fields[4], &header.destination)) {
    return Invalid("an address or a port that isn't one");
  }
  header.local = false;
  return Complete(end + 1, std::move(header));
}

uint32_t Number(absl::string_view octets) {
  uint32_t number = 0;
  for (const char octet : octets) number = number << 8 | static_cast<uint8_t>(octet);
  return number;
}

template <typename Address>
asio::ip::tcp::endpoint BinaryEndpoint(absl::string_view address, absl::string_view port) {
  typename Address::bytes_type octets;
  std::copy(address.begin(), address.end(), octets.begin());
  return {Address(octets), static_cast<uint16_t>(Number(port))};
}

// The next type-length-value of `rest`; false if it is longer than that.
bool NextTlv(absl::string_view* rest, uint8_t* type, absl::string_view* value) {
  if (rest->size() < 3) return false;
  *type = static_cast<uint8_t>((*rest)[0]);
  const size_t length = Number(rest->substr(1, 2));
  if (rest->size() - 3 < length) return false;
  *value = rest->substr(3, length);
  rest->remove_prefix(3 + length);
  return true;
}

bool ParseTls(absl::string_view value, ProxyHeader* header) {
  // One octet of flags and four that tell how the client's certificate was found.
  if (value.size() < 5) return false;
  header->tls = (static_cast<uint8_t>(value[0]) & 0x01) != 0;
  absl::string_view rest = value.substr(5);
  while (!rest.empty()) {
    uint8_t type = 0;
    absl::string_view inner;
    if (!NextTlv(&rest, &type, &inner)) return false;
    if (type == 0x21) header->tls_version = std::string(inner);
    if (type == 0x23) header->tls_cipher = std::string(inner);
  }
  return true;
}

// CRC-32C (Castagnoli) with the four octets of the checksum itself taken for zeros.
uint32_t Checksum(absl::string_view octets, size_t checksum_at) {
  uint32_t crc = ~uint32_t{0};
  for (size_t i = 0; i < octets.size(); ++i) {
    const bool own = i >= checksum_at && i < checksum_at + 4;
    crc ^= own ? 0 : static_cast<uint8_t>(octets[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
  }
  return ~crc;
}

// `whole` is the header, `rest` the extensions at its end.
absl::string_view ParseExtensions(absl::string_view whole, absl::string_view rest,
                                  ProxyHeader* header) {
  while (!rest.empty()) {
    uint8_t type = 0;
    absl::string_view value;
    if (!NextTlv(&rest, &type, &value)) return "an extension that goes beyond the header";
    switch (type) {
      case 0x01:
        header->alpn = std::string(value);
        break;
      case 0x02:
        header->authority = std::string(value);
        break;
      case 0x03:
        if (value.size() != 4 ||
            Checksum(whole, static_cast<size_t>(value.data() - whole.data())) !=
                Number(value)) {
          return "a wrong checksum";
        }
        break;
      case 0x05:
        if (value.size() > 128) return "a unique id of over 128 octets";
        header->unique_id = std::string(value);
        break;
      case 0x20:
        if (!ParseTls(value, header)) return "an extension about TLS that isn't whole";
        break;
      default:
        break;
    }
  }
  return {};
}

ProxyParse ParseBinary(absl::string_view octets) {
  if (octets.size() < kFixedOctets) return Incomplete();
  const uint8_t version_and_command = static_cast<uint8_t>(octets[12]);
  const uint8_t family = static_cast<uint8_t>(octets[13]) >> 4;
  const uint8_t transport = static_cast<uint8_t>(octets[13]) & 0x0F;
  const size_t length = kFixedOctets + Number(octets.substr(14, 2));
  if (version_and_command >> 4 != 2) return Invalid("a version that isn't 2");
  const uint8_t command = version_and_command & 0x0F;
  if (command > 1) return Invalid("a command that is neither LOCAL nor PROXY");
  // Of a check by the proxy itself nothing matters, its family included.
  const bool local = command == 0;
  if (!local && (family > 3 || transport > 2)) {
    return Invalid("an unknown family of addresses");
  }
  if (length > kMaxProxyHeaderOctets) return Invalid("a header that is too long");
  if (octets.size() < length) return Incomplete();

  const absl::string_view whole = octets.substr(0, length);
  absl::string_view rest = whole.substr(kFixedOctets);
  ProxyHeader header;
  if (local) return Complete(length, std::move(header));
  // A client that came by a UNIX socket, by datagrams or by nothing known has no
  // address that means anything here.
  constexpr size_t kAddressOctets[] = {0, 12, 36, 216};
  const size_t address_octets = kAddressOctets[family];
  if (rest.size() < address_octets) return Invalid("addresses that aren't whole");
  const bool stream = transport == 1;
  if (stream && family == 1) {
    header.local = false;
    header.source = BinaryEndpoint<asio::ip::address_v4>(rest.substr(0, 4), rest.substr(8, 2));
    header.destination =
        BinaryEndpoint<asio::ip::address_v4>(rest.substr(4, 4), rest.substr(10, 2));
  } else if (stream && family == 2) {
    header.local = false;
    header.source =
        BinaryEndpoint<asio::ip::address_v6>(rest.substr(0, 16), rest.substr(32, 2));
    header.destination =
        BinaryEndpoint<asio::ip::address_v6>(rest.substr(16, 16), rest.substr(34, 2));
  }
  rest.remove_prefix(address_octets);
  const absl::string_view error = ParseExtensions(whole, rest, &header);
  return error.empty() ? Complete(length, std::move(header)) : Invalid(error);
}

bool BeginsAs(absl::string_view octets, absl::string_view start) {
  const size_t common = std::min(octets.size(), start.size());
  return octets.substr(0, common) == start.substr(0, common);
}

}  // namespace

ProxyParse ParseProxyHeader(absl::string_view octets) {
  if (BeginsAs(octets, kText)) {
    return octets.size() < kText.size() ? Incomplete() : ParseText(octets);
  }
  if (BeginsAs(octets, kSignature)) return ParseBinary(octets);
  return Invalid("no PROXY header");
}

}  // namespace restante
