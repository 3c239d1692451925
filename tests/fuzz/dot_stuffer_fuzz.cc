// The reply to RETR: whatever the message and however it is cut, a client that follows
// RFC 1939, section 3, reads back exactly the message, and nothing before its end looks
// like the end.
#include "pop3d/dot_stuffer.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/stored_message.h"

namespace restante::fuzz {
namespace {

std::string Stuffed(const std::vector<std::string_view>& pieces) {
  pop3::DotStuffer stuffer;
  std::string out;
  for (const std::string_view piece : pieces) {
    stuffer.Append({piece.data(), piece.size()}, &out);
  }
  stuffer.Finish(&out);
  return out;
}

std::string AsAClientReads(std::string_view response) {
  std::string message;
  const std::vector<std::string_view> lines = LinesOf(response);
  PROPERTY(!lines.empty() && lines.back() == ".\r\n");
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    PROPERTY(lines[i] != ".\r\n");
    message += lines[i].substr(lines[i].front() == '.' ? 1 : 0);
  }
  return message;
}

}  // namespace
}  // namespace restante::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::fuzz;
  const Input input(data, size);
  const StoredMessage message = Store({input.text()});
  const std::string whole = Stuffed({message.octets});
  PROPERTY(AsAClientReads(whole) == message.octets);

  std::string with_cut(1, static_cast<char>(input.cut()));
  with_cut += message.octets;
  const Input cut(reinterpret_cast<const uint8_t*>(with_cut.data()), with_cut.size());
  PROPERTY(Stuffed(cut.Pieces()) == whole);

  // What has no line with a dot may go as it is.
  if (!message.has_dot_line) {
    restante::pop3::DotStuffer passing;
    std::string out;
    for (const std::string_view piece : cut.Pieces()) {
      passing.Pass({piece.data(), piece.size()});
      out += piece;
    }
    passing.Finish(&out);
    PROPERTY(out == whole);
  }
  return 0;
}
