// DATA: the same message and the same end however the octets are cut; what a sender
// stuffs comes out as it was; and nothing but <CRLF>.<CRLF> ends a message.
#include "plugins/lmtpd/data_decoder.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/stored_message.h"

namespace restante::fuzz {
namespace {

struct Decoded {
  std::string message;
  size_t used = 0;
  bool ended = false;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded Decode(const std::vector<std::string_view>& pieces) {
  lmtp::DataDecoder decoder;
  Decoded decoded;
  for (const std::string_view piece : pieces) {
    const size_t before = decoded.message.size();
    const size_t used = decoder.Decode(piece, &decoded.message);
    PROPERTY(used <= piece.size());
    PROPERTY(decoded.message.size() - before <= piece.size() + 1);
    decoded.used += used;
    if (decoder.ended()) break;
    PROPERTY(used == piece.size());
  }
  decoded.ended = decoder.ended();
  return decoded;
}

// As a sender does it by RFC 5321, section 4.5.2.
std::string Stuffed(std::string_view message) {
  std::string out;
  for (const std::string_view line : LinesOf(message)) {
    if (line.front() == '.') out.push_back('.');
    out += line;
  }
  return out + ".\r\n";
}

size_t EndOf(std::string_view input) {
  if (input.substr(0, 3) == ".\r\n") return 3;
  const size_t end = input.find("\r\n.\r\n");
  return end == input.npos ? end : end + 5;
}

}  // namespace
}  // namespace restante::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::fuzz;
  const Input input(data, size);
  const Decoded whole = Decode({input.text()});
  PROPERTY(Decode(input.Pieces()) == whole);
  const size_t end = EndOf(input.text());
  PROPERTY(whole.ended == (end != std::string_view::npos));
  if (whole.ended) PROPERTY(whole.used == end);

  const StoredMessage message = Store({input.text()});
  const std::string sent = Stuffed(message.octets) + "RSET\r\n";
  const Decoded received = Decode({sent});
  PROPERTY(received.ended && received.message == message.octets);
  PROPERTY(received.used == sent.size() - 6);
  return 0;
}
