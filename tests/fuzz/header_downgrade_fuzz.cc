// Surrogates for clients without UTF-8 (RFC 6856, 5): ASCII, no line too long that
// wasn't, the same however the message is cut, and themselves in no need of one.
#include <algorithm>

#include "storage-service/store/header_downgrade.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/stored_message.h"

namespace restante::fuzz {
namespace {

struct Surrogate {
  bool needed = false;
  std::string header;
};

Surrogate Downgrade(const std::vector<std::string_view>& pieces) {
  store::HeaderDowngrade downgrade;
  for (const std::string_view piece : pieces) downgrade.Feed({piece.data(), piece.size()});
  downgrade.Finish();
  return {downgrade.needed(), downgrade.header()};
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; });
}

}  // namespace
}  // namespace restante::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::fuzz;
  const Input input(data, size);
  const StoredMessage message = Store({input.text()});
  const Surrogate whole = Downgrade({message.octets});
  const std::string_view header =
      std::string_view(message.octets).substr(0, message.header_octets);
  PROPERTY(whole.needed == !IsAscii(header));

  std::string with_cut(1, static_cast<char>(input.cut()));
  with_cut += message.octets;
  const Input cut(reinterpret_cast<const uint8_t*>(with_cut.data()), with_cut.size());
  const Surrogate pieces = Downgrade(cut.Pieces());
  PROPERTY(pieces.needed == whole.needed && pieces.header == whole.header);
  if (!whole.needed) return 0;

  PROPERTY(IsAscii(whole.header));
  PROPERTY(whole.header.size() <=
           restante::store::HeaderDowngrade::kMostHeaderOctets + 2 * 1024);
  const StoredMessage stored = Store({whole.header});
  PROPERTY(stored.octets == whole.header);
  // The blank line is where it was: at the end, or nowhere.
  PROPERTY(stored.header_octets == whole.header.size());
  PROPERTY(!Downgrade({whole.header}).needed);
  return 0;
}
