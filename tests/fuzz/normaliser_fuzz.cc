// What ingest makes of a message: the same however it is cut, nothing new when it is
// done again, and measured as it is.
#include "tests/fuzz/property.h"
#include "tests/fuzz/stored_message.h"

namespace restante::fuzz {
namespace {

// Octet by octet, as architecture.md has it.
std::string Reference(std::string_view text) {
  std::string out;
  for (const char octet : text) {
    if (octet == '\n' && (out.empty() || out.back() != '\r')) out.push_back('\r');
    out.push_back(octet);
  }
  const bool ended = out.size() >= 2 && out.compare(out.size() - 2, 2, "\r\n") == 0;
  if (!out.empty() && !ended) out += "\r\n";
  return out;
}

void CheckMeasures(const StoredMessage& message) {
  uint64_t at = 0;
  uint64_t header = message.octets.size();
  bool dot = false;
  for (const std::string_view line : LinesOf(message.octets)) {
    at += line.size();
    if (line == "\r\n") header = std::min(header, at);
    dot = dot || line.front() == '.';
  }
  PROPERTY(message.header_octets == header);
  PROPERTY(message.has_dot_line == dot);
}

}  // namespace
}  // namespace restante::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::fuzz;
  const Input input(data, size);
  const StoredMessage message = Store(input.Pieces());
  PROPERTY(message.octets == Reference(input.text()));
  CheckMeasures(message);
  const StoredMessage again = Store({message.octets});
  PROPERTY(again.octets == message.octets);
  PROPERTY(again.header_octets == message.header_octets);
  PROPERTY(again.has_dot_line == message.has_dot_line);

  restante::store::Normaliser counting;
  std::string out;
  for (const std::string_view piece : input.Pieces()) {
    counting.Feed({piece.data(), piece.size()}, out);
    PROPERTY(counting.octets() == out.size());
  }
  counting.Finish(out);
  PROPERTY(counting.octets() == out.size());
  return 0;
}
