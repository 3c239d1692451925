#include "plugins/lmtpd/input_buffer.h"

#include <cstring>

#include "plugins/lmtpd/command.h"

namespace restante::lmtp {

InputBuffer::Line InputBuffer::PeekLine(std::string_view* line) {
  const std::string_view all = content();
  const size_t lf = all.find('\n', scanned_);
  if (lf == std::string_view::npos) {
    scanned_ = all.size();
    if (all.size() >= kMaxCommandOctets) skipping_ = true;
    if (skipping_) {
      begin_ = end_;
      scanned_ = 0;
    }
    return Line::kNone;
  }
  scanned_ = lf;
  line_size_ = lf + 1;
  if (skipping_ || line_size_ > kMaxCommandOctets) return Line::kTooLong;
  *line = all.substr(0, lf > 0 && all[lf - 1] == '\r' ? lf - 1 : lf);
  return Line::kReady;
}

void InputBuffer::ConsumeLine() {
  begin_ += line_size_;
  line_size_ = 0;
  scanned_ = 0;
  skipping_ = false;
}

InputBuffer::Room InputBuffer::Space() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (kOctets - end_ < kMaxCommandOctets) {
    std::memmove(octets_.get(), octets_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {octets_.get() + end_, kOctets - end_};
}

}  // namespace restante::lmtp
