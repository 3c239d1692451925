#include "storage-service/store/field_matcher.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"

namespace restante::store {
namespace {

// More than any name or value that is looked for.
constexpr size_t kKeptNameOctets = 128;
constexpr size_t kKeptValueOctets = 256;

bool IsSpaceOrTab(char c) { return c == ' ' || c == '\t'; }

void CutSpaceBehind(std::string& text) {
  while (!text.empty() && IsSpaceOrTab(text.back())) text.pop_back();
}

}  // namespace

void FieldMatcher::LookFor(const FilingRule& rule) {
  Wanted& wanted = fields_[absl::AsciiStrToLower(rule.field)];
  Values& values = rule.prefix ? wanted.prefixes : wanted.equal;
  values.emplace(absl::AsciiStrToLower(rule.value), false);
}

bool FieldMatcher::Found(const FilingRule& rule) const {
  const auto wanted = fields_.find(absl::AsciiStrToLower(rule.field));
  if (wanted == fields_.end()) return false;
  const Values& values = rule.prefix ? wanted->second.prefixes : wanted->second.equal;
  const auto value = values.find(absl::AsciiStrToLower(rule.value));
  return value != values.end() && value->second;
}

void FieldMatcher::Feed(absl::string_view data) {
  if (fields_.empty()) return;
  while (!data.empty() && !ended_) {
    if (line_octets_ == 0) BeginLine(data.front());
    const void* found = std::memchr(data.data(), '\n', data.size());
    const size_t length =
        found == nullptr
            ? data.size()
            : static_cast<size_t>(static_cast<const char*>(found) - data.data()) + 1;
    Take(data.substr(0, length));
    data.remove_prefix(length);
    line_octets_ += length;
    if (found == nullptr) return;
    ended_ = line_octets_ == 2;  // only CR and LF: the blank line
    line_octets_ = 0;
  }
}

void FieldMatcher::Finish() {
  EndField();
  ended_ = true;
}

void FieldMatcher::BeginLine(char first) {
  if (IsSpaceOrTab(first)) {
    place_ = wanted_ != nullptr ? Place::kValue : Place::kNeither;
    return;
  }
  EndField();
  name_.clear();
  place_ = Place::kName;
}

void FieldMatcher::Take(absl::string_view octets) {
  if (place_ == Place::kName) {
    const size_t colon = std::min(octets.find(':'), octets.size());
    name_.append(octets.data(), std::min(colon, kKeptNameOctets + 1));
    if (name_.size() > kKeptNameOctets) {
      place_ = Place::kNeither;
    } else if (colon < octets.size()) {
      // The obsolete syntax has white space before the colon (RFC 5322, section 4.5).
      CutSpaceBehind(name_);
      const std::string name = absl::AsciiStrToLower(name_);
      const auto wanted = fields_.find(name);
      wanted_ = wanted == fields_.end() ? nullptr : &wanted->second;
      place_ = wanted_ != nullptr ? Place::kValue : Place::kNeither;
      octets.remove_prefix(colon + 1);
    }
  }
  if (place_ != Place::kValue) return;
  for (const char c : octets) {
    if (c == '\r' || c == '\n' || (value_.empty() && IsSpaceOrTab(c))) continue;
    if (value_.size() < kKeptValueOctets) {
      value_.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    } else if (!IsSpaceOrTab(c)) {
      value_is_longer_ = true;
    }
  }
}

void FieldMatcher::EndField() {
  if (wanted_ == nullptr) return;
  CutSpaceBehind(value_);
  const auto note = [](Values& values, absl::string_view value) {
    const auto found = values.find(value);
    if (found != values.end()) found->second = true;
  };
  if (!value_is_longer_) note(wanted_->equal, value_);
  if (!wanted_->prefixes.empty()) {
    const absl::string_view value = value_;
    for (size_t octets = 0; octets <= std::min(value.size(), kMostFilingValueOctets);
         ++octets) {
      note(wanted_->prefixes, value.substr(0, octets));
    }
  }
  wanted_ = nullptr;
  value_.clear();
  value_is_longer_ = false;
}

}  // namespace restante::store
