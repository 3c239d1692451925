#include "plugins/deliver/message_encoder.h"

namespace restante::deliver {

void MessageEncoder::Encode(std::string_view octets, std::string* data) {
  size_t done = 0;
  while (done < octets.size()) {
    if (line_start_ && octets[done] == '.') data->push_back('.');
    const size_t lf = octets.find('\n', done);
    const size_t end = lf == octets.npos ? octets.size() : lf;
    data->append(octets.substr(done, end - done));
    if (end > done) {
      after_cr_ = octets[end - 1] == '\r';
      line_start_ = false;
    }
    if (lf == octets.npos) return;
    if (!after_cr_) data->push_back('\r');
    data->push_back('\n');
    after_cr_ = false;
    line_start_ = true;
    done = lf + 1;
  }
}

void MessageEncoder::Finish(std::string* data) {
  if (!line_start_) data->append("\r\n");
  data->append(".\r\n");
}

size_t FromLineLength(std::string_view beginning) {
  if (!beginning.starts_with("From ")) return 0;
  const size_t lf = beginning.find('\n');
  return lf == beginning.npos ? 0 : lf + 1;
}

std::string_view FromLineSender(std::string_view line) {
  line.remove_prefix(line.find(' '));
  const size_t begin = line.find_first_not_of(' ');
  if (begin == line.npos) return {};
  line.remove_prefix(begin);
  return line.substr(0, line.find_first_of(" \t\r\n"));
}

}  // namespace restante::deliver
