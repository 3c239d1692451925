#include "storage-service/store/top_part.h"

#include <algorithm>
#include <cstring>

namespace restante::store {

size_t TopCutter::Take(absl::string_view next) {
  size_t taken = static_cast<size_t>(std::min<uint64_t>(header_left_, next.size()));
  header_left_ -= taken;
  while (lines_left_ > 0 && taken < next.size()) {
    const void* end_of_line = std::memchr(next.data() + taken, '\n', next.size() - taken);
    if (end_of_line == nullptr) return next.size();
    taken = static_cast<size_t>(static_cast<const char*>(end_of_line) - next.data()) + 1;
    --lines_left_;
  }
  return taken;
}

}  // namespace restante::store
