#include "common/config_values.h"

#include <algorithm>
#include <cctype>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace restante {
namespace {

struct Unit {
  absl::string_view name;
  uint64_t octets;
};

constexpr uint64_t kKi = 1024;

constexpr Unit kUnits[] = {
    {"KiB", kKi},
    {"MiB", kKi* kKi},
    {"GiB", kKi* kKi* kKi},
    {"TiB", kKi* kKi* kKi* kKi},
    {"kB", 1000},
    {"KB", 1000},
    {"MB", 1000'000},
    {"GB", 1000'000'000},
    {"TB", 1000'000'000'000},
    {"B", 1},
};

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// "LogLevel" to "LOG_LEVEL_".
std::string EnumPrefix(const std::string& type_name) {
  std::string prefix;
  for (size_t i = 0; i < type_name.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(type_name[i]);
    if (i > 0 && std::isupper(c)) prefix.push_back('_');
    prefix.push_back(absl::ascii_toupper(c));
  }
  prefix.push_back('_');
  return prefix;
}

}  // namespace

std::optional<absl::Duration> ParseConfigDuration(absl::string_view text) {
  absl::Duration total;
  absl::string_view rest = text;
  if (const size_t day = text.find('d'); day != text.npos) {
    int64_t days = 0;
    const absl::string_view digits = text.substr(0, day);
    if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos ||
        !absl::SimpleAtoi(digits, &days)) {
      return std::nullopt;
    }
    total = days * absl::Hours(24);
    rest = text.substr(day + 1);
    if (rest.empty())
      return total == absl::InfiniteDuration() ? std::nullopt : std::make_optional(total);
  }
  absl::Duration part;
  // A sign is refused here, so that "-0s" and "1d-1s" are as well.
  if (rest.find_first_of("+-") != rest.npos || !absl::ParseDuration(rest, &part)) {
    return std::nullopt;
  }
  total += part;
  if (total == absl::InfiniteDuration()) return std::nullopt;
  return total;
}

std::string FormatConfigDuration(absl::Duration duration) {
  constexpr absl::Duration kDay = absl::Hours(24);
  if (duration >= kDay && duration % kDay == absl::ZeroDuration()) {
    return absl::StrCat(duration / kDay, "d");
  }
  if (duration == absl::ZeroDuration()) return "0s";
  return absl::FormatDuration(duration);
}

std::optional<uint64_t> ParseConfigOctets(absl::string_view text) {
  uint64_t unit = 1;
  for (const Unit& candidate : kUnits) {
    if (absl::ConsumeSuffix(&text, candidate.name)) {
      unit = candidate.octets;
      break;
    }
  }
  text = absl::StripTrailingAsciiWhitespace(text);
  const size_t dot = text.find('.');
  const absl::string_view whole = text.substr(0, dot);
  uint64_t number = 0;
  if (whole.empty() || whole.find_first_not_of("0123456789") != whole.npos ||
      !absl::SimpleAtoi(whole, &number) ||
      number > std::numeric_limits<uint64_t>::max() / unit) {
    return std::nullopt;
  }
  number *= unit;
  if (dot == text.npos) return number;

  const absl::string_view decimals = text.substr(dot + 1);
  uint64_t fraction = 0;
  uint64_t scale = 1;
  if (decimals.empty() || decimals.size() > 6) return std::nullopt;
  for (const char c : decimals) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
    fraction = fraction * 10 + static_cast<uint64_t>(c - '0');
    scale *= 10;
  }
  // unit is at most 2^40 and fraction below 10^6: no overflow.
  if (fraction * unit % scale != 0) return std::nullopt;
  const uint64_t part = fraction * unit / scale;
  if (number > std::numeric_limits<uint64_t>::max() - part) return std::nullopt;
  return number + part;
}

std::string FormatConfigOctets(uint64_t octets) {
  absl::string_view name;
  uint64_t unit = 1;
  for (const Unit& candidate : kUnits) {
    const bool binary = absl::EndsWith(candidate.name, "iB");
    if (binary && octets != 0 && octets % candidate.octets == 0) {
      name = candidate.name;
      unit = candidate.octets;
    }
  }
  return absl::StrCat(octets / unit, name);
}

std::string EnumValueWord(const google::protobuf::EnumValueDescriptor& value) {
  absl::string_view name = value.name();
  absl::ConsumePrefix(&name, EnumPrefix(value.type()->name()));
  return absl::AsciiStrToLower(name);
}

std::vector<std::string> EnumWords(const google::protobuf::EnumDescriptor& type) {
  std::vector<std::string> words;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) words.push_back(EnumValueWord(*type.value(i)));
  }
  return words;
}

std::optional<std::string> Nearest(absl::string_view word,
                                   const std::vector<std::string>& candidates) {
  std::optional<std::string> nearest;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace restante
