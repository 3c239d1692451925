// The front-end's line buffer: the same lines however the octets are cut, those that a
// plain splitter finds, and never more memory than is kept of the longest line.
#include <utility>

#include "pop3d/line_buffer.h"
#include "tests/fuzz/property.h"

namespace restante::pop3 {
namespace {

using Lines = std::vector<std::pair<Line::Kind, std::string>>;

// Takes what there is; a look ahead finds the same, but that it knows no limit.
void TakeAll(LineBuffer& buffer, LineLimit limit, bool look, Lines* lines) {
  std::vector<std::string> ahead;
  size_t cursor = 0;
  while (look) {
    const std::optional<absl::string_view> line = buffer.Peek(&cursor);
    if (!line.has_value()) break;
    ahead.emplace_back(*line);
  }
  size_t taken = 0;
  while (true) {
    const Line line = buffer.Next(limit);
    if (line.kind == Line::Kind::kNone) break;
    if (line.kind == Line::Kind::kLine && taken < ahead.size()) {
      PROPERTY(line.text == ahead[taken]);
    }
    ++taken;
    lines->emplace_back(line.kind, std::string(line.text));
  }
}

Lines InPieces(const std::vector<std::string_view>& pieces, LineLimit limit) {
  LineBuffer buffer;
  Lines lines;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const absl::Span<char> space = buffer.Space();
      PROPERTY(!space.empty());
      const size_t size = std::min(space.size(), piece.size());
      piece.copy(space.data(), size);
      buffer.Received(size);
      TakeAll(buffer, limit, piece.substr(0, size).find('\n') != piece.npos, &lines);
      piece.remove_prefix(size);
      PROPERTY(buffer.CapacityForTest() <= kKeptOctets + 4096);
    }
    buffer.Release();
  }
  return lines;
}

// What the lines are, for a limit that is the same for each.
Lines Reference(std::string_view text, size_t limit) {
  Lines lines;
  while (true) {
    const size_t end = text.find('\n');
    // One that is too long is told before its end has come.
    if (end == text.npos) {
      if (text.size() >= limit) lines.emplace_back(Line::Kind::kTooLong, "");
      return lines;
    }
    std::string line(text.substr(0, end));
    text.remove_prefix(end + 1);
    if (line.size() + 1 > limit) {
      lines.emplace_back(Line::Kind::kTooLong, "");
      continue;
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.emplace_back(Line::Kind::kLine, std::move(line));
  }
}

}  // namespace
}  // namespace restante::pop3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::pop3;
  const restante::fuzz::Input input(data, size);
  const Lines lines = InPieces(input.Pieces(), LineLimit::kCommand);
  PROPERTY(lines == Reference(input.text(), kCommandLineOctets));
  for (const LineLimit limit : {LineLimit::kCommandOrAuth, LineLimit::kSaslResponse}) {
    PROPERTY(InPieces(input.Pieces(), limit) == InPieces({input.text()}, limit));
  }
  return 0;
}
