// A message as the store has it, made of any octets, and what is true of it by
// definition: the references that the targets compare with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage-service/store/normaliser.h"

namespace restante::fuzz {

struct StoredMessage {
  std::string octets;
  uint64_t header_octets = 0;
  bool has_dot_line = false;
};

inline StoredMessage Store(const std::vector<std::string_view>& pieces) {
  store::Normaliser normaliser;
  StoredMessage message;
  for (const std::string_view piece : pieces) {
    normaliser.Feed({piece.data(), piece.size()}, message.octets);
  }
  normaliser.Finish(message.octets);
  message.header_octets = normaliser.header_octets();
  message.has_dot_line = normaliser.has_dot_line();
  return message;
}

// Lines with their ends; a line ends in CRLF.
inline std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    lines.push_back(text.substr(0, end == text.npos ? text.npos : end + 2));
    text.remove_prefix(lines.back().size());
  }
  return lines;
}

}  // namespace restante::fuzz
