#include "storage-service/ctl/transfer/lf_lines.h"

namespace restante::ctl {

std::string LfLines::Convert(absl::string_view octets) {
  std::string lines;
  lines.reserve(octets.size() + carriage_returns_);
  for (const char octet : octets) {
    if (octet == '\r') {
      ++carriage_returns_;
      continue;
    }
    if (octet != '\n' || carriage_returns_ != 1) lines.append(carriage_returns_, '\r');
    carriage_returns_ = 0;
    lines.push_back(octet);
  }
  return lines;
}

std::string LfLines::Finish() {
  std::string rest(carriage_returns_, '\r');
  carriage_returns_ = 0;
  return rest;
}

}  // namespace restante::ctl
