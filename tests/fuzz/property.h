// What the fuzz targets of this folder share: a property that has to hold, and ways to
// cut an input. A target is a file with LLVMFuzzerTestOneInput; libFuzzer runs it
// (./dev fuzz), or replay.cc over the files of its corpus (./dev test).
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

// Ends the run, as a finding of libFuzzer's.
#define PROPERTY(condition)                                                              \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: doesn't hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

namespace restante::fuzz {

// The input: its first octet says how the rest is cut into pieces.
class Input {
 public:
  Input(const uint8_t* data, size_t size)
      : cut_(size == 0 ? 0 : data[0]),
        text_(size == 0 ? "" : reinterpret_cast<const char*>(data) + 1,
              size == 0 ? 0 : size - 1) {}

  std::string_view text() const { return text_; }
  uint8_t cut() const { return cut_; }

  // The text in pieces: 0: whole; otherwise of sizes that vary with the first octet.
  std::vector<std::string_view> Pieces() const {
    std::vector<std::string_view> pieces;
    uint32_t state = cut_;
    for (std::string_view rest = text_; !rest.empty();) {
      state = state * 1664525 + 1013904223;
      const size_t size = cut_ == 0 ? rest.size() : 1 + (state >> 16) % cut_;
      pieces.push_back(rest.substr(0, size));
      rest.remove_prefix(pieces.back().size());
    }
    return pieces;
  }

 private:
  const uint8_t cut_;
  const std::string_view text_;
};

}  // namespace restante::fuzz
