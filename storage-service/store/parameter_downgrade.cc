#include "storage-service/store/parameter_downgrade.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "storage-service/store/encoded_words.h"

namespace restante::store {
namespace {

// What one line has room for beside a parameter's name.
constexpr size_t kPieceOctets = 54;
constexpr size_t kMostNameOctets = 60;

// Of the text, cut at semicolons outside of quotes and comments. Nothing: one of
// those has no end.
std::optional<std::vector<absl::string_view>> Segments(absl::string_view text) {
  std::vector<absl::string_view> segments;
  size_t begin = 0;
  bool quoted = false;
  int comments = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && (quoted || comments > 0)) {
      ++i;
    } else if (c == '"' && comments == 0) {
      quoted = !quoted;
    } else if (c == '(' && !quoted) {
      ++comments;
    } else if (c == ')' && !quoted && comments > 0) {
      --comments;
    } else if (c == ';' && !quoted && comments == 0) {
      segments.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  if (quoted || comments > 0) return std::nullopt;
  segments.push_back(text.substr(begin));
  for (absl::string_view& segment : segments) {
    segment = absl::StripAsciiWhitespace(segment);
  }
  return segments;
}

bool IsToken(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isgraph(c) &&
           absl::string_view("()<>@,;:\\\"/[]?='%").find(static_cast<char>(c)) ==
               absl::string_view::npos;
  });
}

// attribute-char of RFC 2231.
bool StandsForItself(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         (c != '\0' && absl::string_view("!#$&+-.^_`{|}~").find(c) != absl::string_view::npos);
}

std::string Percent(char c) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  const auto octet = static_cast<unsigned char>(c);
  return std::string({'%', kDigits[octet >> 4], kDigits[octet & 15]});
}

std::string Unquoted(absl::string_view value) {
  std::string text;
  for (size_t i = 1; i + 1 < value.size(); ++i) {
    if (value[i] == '\\' && i + 2 < value.size()) ++i;
    text.push_back(value[i]);
  }
  return text;
}

void WriteExtended(absl::string_view name, absl::string_view utf8, FieldWriter& writer) {
  std::vector<std::string> pieces(1);
  for (const char c : utf8) {
    const std::string next = StandsForItself(c) ? std::string(1, c) : Percent(c);
    const size_t room = kMostNameOctets > name.size() ? kPieceOctets - name.size() / 2 : 0;
    if (pieces.back().size() + next.size() > std::max<size_t>(room, 12)) pieces.emplace_back();
    pieces.back() += next;
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) writer.Raw("", ";");
    const std::string number = pieces.size() == 1 ? "" : absl::StrCat("*", i);
    const absl::string_view charset = i == 0 ? "UTF-8''" : "";
    writer.Raw(" ", absl::StrCat(name, number, "*=", charset, pieces[i]));
  }
}

bool WriteParameter(absl::string_view segment, FieldWriter& writer) {
  if (!FieldWord::NeedsEncoding(segment)) {
    writer.Raw(" ", segment);
    return true;
  }
  const size_t equals = segment.find('=');
  if (equals == absl::string_view::npos) return false;
  const absl::string_view name = absl::StripAsciiWhitespace(segment.substr(0, equals));
  const absl::string_view value = absl::StripAsciiWhitespace(segment.substr(equals + 1));
  if (!IsToken(name) || name.size() > kMostNameOctets) return false;
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  if (!quoted && value.find_first_of("\"(") != absl::string_view::npos) return false;
  const size_t star = name.find('*');
  if (star == absl::string_view::npos) {
    WriteExtended(name, ToUtf8(quoted ? Unquoted(value) : std::string(value)), writer);
    return true;
  }
  // In RFC 2231's form already, but for octets that should have been encoded.
  if (quoted || name.back() != '*') return false;
  std::string encoded;
  for (const char c : ToUtf8(value)) {
    encoded += StandsForItself(c) || c == '%' || c == '\'' ? std::string(1, c) : Percent(c);
  }
  writer.Raw(" ", absl::StrCat(name, "=", encoded));
  return true;
}

}  // namespace

std::optional<std::string> DowngradeParameters(absl::string_view name, absl::string_view text) {
  const std::optional<std::vector<absl::string_view>> segments = Segments(text);
  if (!segments || FieldWord::NeedsEncoding(segments->front())) return std::nullopt;
  FieldWriter writer(name);
  writer.Raw(" ", segments->front());
  for (size_t i = 1; i < segments->size(); ++i) {
    if ((*segments)[i].empty()) continue;
    writer.Raw("", ";");
    if (!WriteParameter((*segments)[i], writer)) return std::nullopt;
  }
  if (writer.too_long()) return std::nullopt;
  return std::move(writer).Finish();
}

}  // namespace restante::store
