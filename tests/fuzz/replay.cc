// Runs a fuzz target over stored inputs, without libFuzzer: each file of the folders
// that are given, and some inputs made from each, so that a property that no longer
// holds shows in the ordinary tests too.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Octets = std::vector<uint8_t>;

void Run(const Octets& input) { LLVMFuzzerTestOneInput(input.data(), input.size()); }

// Each prefix of a short input, and the input cut at all sizes.
void RunVariants(Octets input) {
  constexpr size_t kMostPrefixes = 512;
  const size_t step = std::max<size_t>(1, input.size() / kMostPrefixes);
  for (size_t size = 0; size < input.size(); size += step) {
    Run(Octets(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size)));
  }
  if (input.empty()) return;
  for (const int cut : {0, 1, 2, 3, 7, 64, 255}) {
    input[0] = static_cast<uint8_t>(cut);
    Run(input);
  }
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const Octets input{std::istreambuf_iterator<char>(file),
                         std::istreambuf_iterator<char>()};
      std::fprintf(stderr, "%s\n", entry.path().c_str());
      Run(input);
      RunVariants(input);
      ++count;
    }
  }
  std::printf("%d inputs\n", count);
  return count == 0 ? 1 : 0;
}
