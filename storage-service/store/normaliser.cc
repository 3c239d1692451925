#include "storage-service/store/normaliser.h"

#include <cstring>

namespace restante::store {

void Normaliser::Feed(absl::string_view data, std::string& out) {
  while (!data.empty()) {
    const void* found = std::memchr(data.data(), '\n', data.size());
    const size_t length =
        found == nullptr ? data.size()
                         : static_cast<size_t>(static_cast<const char*>(found) - data.data());
    if (length > 0) {
      if (line_octets_ == 0 && data.front() == '.') has_dot_line_ = true;
      out.append(data.data(), length);
      line_octets_ += length;
      octets_ += length;
      after_cr_ = data[length - 1] == '\r';
    }
    data.remove_prefix(length);
    if (data.empty()) return;
    data.remove_prefix(1);
    if (!after_cr_) {
      out.push_back('\r');
      ++octets_;
      ++line_octets_;
    }
    out.push_back('\n');
    ++octets_;
    EndLine();
  }
}

void Normaliser::EndLine() {
  // Only the CR: the blank line that ends the header (RFC 5322, section 2.1).
  if (line_octets_ == 1 && !header_ended_) {
    header_ended_ = true;
    header_octets_ = octets_;
  }
  line_octets_ = 0;
  after_cr_ = false;
}

void Normaliser::Finish(std::string& out) {
  if (line_octets_ == 0) return;
  out.append("\r\n");
  octets_ += 2;
  ++line_octets_;
  EndLine();
}

}  // namespace restante::store
