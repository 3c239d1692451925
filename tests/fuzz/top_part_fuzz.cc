// The reply to TOP: header, blank line and as many lines of the body as asked for,
// however the message is cut, and never a dot more when it is stuffed.
#include "storage-service/store/top_part.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/stored_message.h"

namespace restante::fuzz {
namespace {

std::string Top(const StoredMessage& message, const std::vector<std::string_view>& pieces,
                uint64_t lines) {
  store::TopCutter cutter(message.header_octets, lines);
  std::string out;
  for (const std::string_view piece : pieces) {
    const size_t taken = cutter.Take({piece.data(), piece.size()});
    PROPERTY(taken <= piece.size());
    PROPERTY(taken == piece.size() || cutter.done());
    out += piece.substr(0, taken);
  }
  return out;
}

std::string Reference(const StoredMessage& message, uint64_t lines) {
  std::string out;
  bool body = false;
  for (const std::string_view line : LinesOf(message.octets)) {
    if (body && lines-- == 0) break;
    out += line;
    if (line == "\r\n") body = true;
  }
  return out;
}

}  // namespace
}  // namespace restante::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::fuzz;
  const Input input(data, size);
  const StoredMessage message = Store({input.text()});
  std::string with_cut(1, static_cast<char>(input.cut()));
  with_cut += message.octets;
  const Input cut(reinterpret_cast<const uint8_t*>(with_cut.data()), with_cut.size());
  for (const uint64_t lines :
       {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{input.cut()}, UINT64_MAX}) {
    const std::string expected = Reference(message, lines);
    PROPERTY(Top(message, {message.octets}, lines) == expected);
    PROPERTY(Top(message, cut.Pieces(), lines) == expected);
  }
  return 0;
}
