#include "plugins/lmtpd/data_decoder.h"

#include <cstring>

namespace restante::lmtp {

size_t DataDecoder::Decode(std::string_view input, std::string* message) {
  // input[run, i) is read and to be passed on.
  size_t run = 0;
  size_t i = 0;
  while (i < input.size()) {
    switch (state_) {
      case State::kLineStart:
        if (input[i] == '.') {
          message->append(input, run, i - run);
          ++i;
          run = i;
          state_ = State::kDot;
        } else {
          state_ = State::kText;
        }
        break;
      case State::kText: {
        const void* cr = std::memchr(input.data() + i, '\r', input.size() - i);
        if (cr == nullptr) {
          i = input.size();
        } else {
          i = static_cast<size_t>(static_cast<const char*>(cr) - input.data()) + 1;
          state_ = State::kCr;
        }
        break;
      }
      case State::kCr:
        if (input[i] == '\n') {
          ++i;
          state_ = State::kLineStart;
        } else {
          state_ = State::kText;
        }
        break;
      case State::kDot:
        if (input[i] == '\r') {
          ++i;
          run = i;
          state_ = State::kDotCr;
        } else {
          state_ = State::kText;
        }
        break;
      case State::kDotCr:
        if (input[i] == '\n') {
          state_ = State::kEnded;
          return i + 1;
        }
        // Not the end after all: the line goes on behind its dot with a bare CR.
        message->push_back('\r');
        state_ = State::kCr;
        break;
      case State::kEnded:
        return i;
    }
  }
  message->append(input, run, i - run);
  return i;
}

}  // namespace restante::lmtp
