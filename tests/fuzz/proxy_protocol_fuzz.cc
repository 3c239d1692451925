// PROXY headers: found in the first octets and no further, whatever follows; and never
// refused while more octets could still make them one that is taken.
#include "common/proxy_protocol.h"
#include "tests/fuzz/property.h"

namespace restante {
namespace {

using Outcome = ProxyParse::Outcome;

void CheckPrefixes(absl::string_view octets, Outcome outcome, size_t length) {
  const size_t step = 1 + octets.size() / 64;
  for (size_t size = 0; size < octets.size(); size += step) {
    const Outcome part = ParseProxyHeader(octets.substr(0, size)).outcome;
    if (outcome == Outcome::kHeader && size < length) PROPERTY(part == Outcome::kIncomplete);
    if (outcome == Outcome::kHeader && size >= length) PROPERTY(part == Outcome::kHeader);
    if (outcome == Outcome::kIncomplete) PROPERTY(part == Outcome::kIncomplete);
    // Refused once is refused for ever.
    if (part == Outcome::kInvalid) PROPERTY(outcome == Outcome::kInvalid);
  }
}

}  // namespace
}  // namespace restante

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante;
  const fuzz::Input input(data, size);
  const absl::string_view octets(input.text().data(), input.text().size());
  const ProxyParse parse = ParseProxyHeader(octets);
  switch (parse.outcome) {
    case Outcome::kIncomplete:
      PROPERTY(octets.size() < kMaxProxyHeaderOctets);
      break;
    case Outcome::kInvalid:
      PROPERTY(!parse.error.empty());
      break;
    case Outcome::kHeader:
      PROPERTY(parse.length > 0 && parse.length <= octets.size());
      PROPERTY(parse.length <= kMaxProxyHeaderOctets);
      if (!parse.header.local) {
        PROPERTY(parse.header.source.address().is_v6() ==
                 parse.header.destination.address().is_v6());
      }
      // What follows is the client's.
      std::string more(octets);
      more += "CAPA\r\n";
      const ProxyParse same = ParseProxyHeader(more);
      PROPERTY(same.outcome == Outcome::kHeader && same.length == parse.length);
      PROPERTY(same.header.source == parse.header.source);
      break;
  }
  CheckPrefixes(octets, parse.outcome, parse.length);
  return 0;
}
