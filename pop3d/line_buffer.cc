#include "pop3d/line_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "pop3d/faults.h"

namespace restante::pop3 {
namespace {

constexpr size_t kSmall = 512;
constexpr size_t kPipelining = 4096;
// A SASL response with "AUTH MECHANISM " before it and its line end behind.
constexpr size_t kAroundResponse = 64;

absl::string_view WithoutLineEnd(absl::string_view line) {
  line.remove_suffix(1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

absl::Span<char> LineBuffer::Space() {
  if (begin_ == end_) {
    begin_ = end_ = scanned_ = 0;
  } else if (begin_ != 0 && end_ == storage_.size()) {
    std::memmove(storage_.data(), storage_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (storage_.empty()) {
    storage_.resize(kSmall);
  } else if (end_ == storage_.size()) {
    Grow(std::max(kPipelining, storage_.size() * 2));
  } else if (last_read_filled_ && storage_.size() < kPipelining) {
    Grow(kPipelining);
  }
  return {storage_.data() + end_, storage_.size() - end_};
}

void LineBuffer::Grow(size_t octets) {
  // What is longer than the longest line is refused before it has to fit; and a string
  // that grows by itself takes twice as much as it is asked for.
  const size_t longest =
      std::max({kPipelining, limits_.command,
                std::min(limits_.sasl_response + kAroundResponse, kKeptOctets + kPipelining)});
  if (storage_.size() < longest) octets = std::clamp(octets, kPipelining, longest);
  std::string larger(octets, '\0');
  std::memcpy(larger.data(), storage_.data(), end_);
  storage_.swap(larger);
}

void LineBuffer::Received(size_t octets) {
  end_ += octets;
  last_read_filled_ = end_ == storage_.size();
}

size_t LineBuffer::LimitFor(LineLimit limit) const {
  switch (limit) {
    case LineLimit::kCommand:
      return limits_.command;
    case LineLimit::kCommandOrAuth: {
      const absl::string_view start(storage_.data() + begin_,
                                    std::min<size_t>(end_ - begin_, 5));
      return absl::EqualsIgnoreCase(start, "AUTH ") ? limits_.sasl_response + kAroundResponse
                                                    : limits_.command;
    }
    case LineLimit::kSaslResponse:
      return limits_.sasl_response + kAroundResponse;
  }
  return limits_.command;
}

Line LineBuffer::Next(LineLimit limit) {
  while (true) {
    const absl::string_view octets(storage_.data() + begin_, end_ - begin_);
    const size_t found = octets.find('\n', scanned_);
    const size_t most = LimitFor(limit);
    const bool may_cut = most > kKeptOctets;
    if (found == octets.npos) {
      if (skipping_) {
        begin_ = end_;
        scanned_ = 0;
        return {};
      }
      if (dropped_ + octets.size() >= most) {
        begin_ = end_;
        scanned_ = dropped_ = 0;
        skipping_ = !On(Fault::kLongLineRunsItsEnd);
        return {Line::Kind::kTooLong, {}, 0};
      }
      if (On(Fault::kUnfinishedLineIsACommand) && !octets.empty()) {
        begin_ = end_;
        scanned_ = 0;
        return {Line::Kind::kLine, octets, octets.size()};
      }
      if (may_cut && octets.size() > kKeptOctets) {
        dropped_ += octets.size() - kKeptOctets;
        end_ = begin_ + kKeptOctets;
      }
      scanned_ = end_ - begin_;
      return {};
    }
    const size_t length = found + 1;
    const size_t whole = length + std::exchange(dropped_, 0);
    begin_ += length;
    scanned_ = 0;
    if (skipping_) {
      skipping_ = false;
      continue;
    }
    if (whole > most) return {Line::Kind::kTooLong, {}, whole};
    if (whole > kKeptOctets) return {Line::Kind::kLine, octets.substr(0, kKeptOctets), whole};
    return {Line::Kind::kLine, WithoutLineEnd(octets.substr(0, length)), whole};
  }
}

std::optional<absl::string_view> LineBuffer::Peek(size_t* cursor) const {
  if (skipping_ || dropped_ > 0) return std::nullopt;
  const absl::string_view octets(storage_.data() + begin_, end_ - begin_);
  const size_t found = octets.find('\n', *cursor);
  if (found == octets.npos) return std::nullopt;
  const absl::string_view line = octets.substr(*cursor, found + 1 - *cursor);
  if (line.size() > kKeptOctets) return std::nullopt;
  *cursor = found + 1;
  return WithoutLineEnd(line);
}

void LineBuffer::Release() {
  if (begin_ != end_ || storage_.size() <= kSmall) return;
  std::string().swap(storage_);
  begin_ = end_ = scanned_ = 0;
  last_read_filled_ = false;
}

}  // namespace restante::pop3
