#include "storage-service/store/header_downgrade.h"

#include <cstring>

#include "storage-service/store/encoded_words.h"
#include "storage-service/store/field_downgrade.h"

namespace restante::store {

void HeaderDowngrade::Feed(absl::string_view data) {
  while (!data.empty() && !ended_) {
    // A line that doesn't begin with white space begins another field.
    if (line_octets_ == 0 && data.front() != ' ' && data.front() != '\t') EndField();
    const void* found = std::memchr(data.data(), '\n', data.size());
    const size_t length =
        found == nullptr
            ? data.size()
            : static_cast<size_t>(static_cast<const char*>(found) - data.data()) + 1;
    const absl::string_view piece = data.substr(0, length);
    data.remove_prefix(length);

    if (!needed_ && !IsAsciiText(piece)) needed_ = true;
    if (!streaming_ && field_.size() + piece.size() > kMostFieldOctets) {
      streaming_ = true;
      field_begin_ = header_.size();
      if (!full_) AppendAsciiOnly(field_, header_);
      field_.clear();
    }
    if (!streaming_) {
      field_.append(piece.data(), piece.size());
    } else if (!full_) {
      AppendAsciiOnly(piece, header_);
      if (header_.size() > kMostHeaderOctets) {
        header_.resize(field_begin_);
        full_ = true;
      }
    }
    line_octets_ += piece.size();
    if (found == nullptr) return;
    if (line_octets_ == 2 && !streaming_ && field_ == "\r\n") EndHeader();
    line_octets_ = 0;
  }
}

void HeaderDowngrade::EndField() {
  if (!field_.empty() && !full_) {
    const bool ascii = IsAsciiText(field_);
    const std::string downgraded = ascii ? std::string() : DowngradeField(field_);
    const std::string& written = ascii ? field_ : downgraded;
    if (header_.size() + written.size() > kMostHeaderOctets) {
      full_ = true;
    } else {
      header_ += written;
    }
  }
  field_.clear();
  streaming_ = false;
}

void HeaderDowngrade::EndHeader() {
  header_ += field_;  // the blank line, also of a header that was cut short
  field_ = {};
  ended_ = true;
  if (!needed_) header_ = {};
}

void HeaderDowngrade::Finish() {
  if (ended_) return;
  EndField();
  ended_ = true;
  if (!needed_) header_ = {};
}

}  // namespace restante::store
