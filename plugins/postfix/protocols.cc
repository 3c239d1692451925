#include "plugins/postfix/protocols.h"

#include <charconv>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace restante::postfix {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

std::string Netstring(std::string_view kind, std::string_view text) {
  return absl::StrCat(kind.size() + 1 + text.size(), ":", View(kind), " ", View(text), ",");
}

bool IsPlain(unsigned char c) { return c > 0x20 && c < 0x7F && c != '%'; }

std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string octets;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      octets.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    const auto [stop, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc() || stop != digits + 2) return std::nullopt;
    octets.push_back(static_cast<char>(value));
    i += 2;
  }
  return octets;
}

std::string PercentEncoded(std::string_view octets) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    if (IsPlain(octet)) {
      text.push_back(c);
    } else {
      text += {'%', kDigits[octet >> 4], kDigits[octet & 15]};
    }
  }
  return text;
}

bool ParseSize(std::string_view digits, uint64_t* size) {
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, *size);
  return error == std::errc() && stop == end;
}

bool ParsePolicy(std::string_view lines, PolicyRequest* request) {
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    const size_t equals = line.find('=');
    if (equals == line.npos) return false;
    const std::string_view name = line.substr(0, equals);
    const std::string_view value = line.substr(equals + 1);
    if (name == "request") request->request = std::string(value);
    if (name == "recipient") request->recipient = std::string(value);
    if (name == "size" && !value.empty() && !ParseSize(value, &request->size)) return false;
  }
  return true;
}

}  // namespace

Taken TakeSocketmap(std::string* input, SocketmapRequest* request) {
  const size_t colon = input->find(':');
  // More digits than any length that is taken has.
  constexpr size_t kMaxDigits = 6;
  if (colon == input->npos) {
    return input->size() > kMaxDigits || input->find_first_not_of("0123456789") != input->npos
               ? Taken::kBroken
               : Taken::kMore;
  }
  size_t octets = 0;
  const char* end = input->data() + colon;
  const auto [stop, error] = std::from_chars(input->data(), end, octets);
  if (colon > kMaxDigits || error != std::errc() || stop != end || octets > kMaxLookupOctets) {
    return Taken::kBroken;
  }
  if (input->size() < colon + 1 + octets + 1) return Taken::kMore;
  if ((*input)[colon + 1 + octets] != ',') return Taken::kBroken;
  const std::string_view payload = std::string_view(*input).substr(colon + 1, octets);
  const size_t blank = payload.find(' ');
  if (blank == payload.npos) return Taken::kBroken;
  request->map = std::string(payload.substr(0, blank));
  request->key = std::string(payload.substr(blank + 1));
  input->erase(0, colon + 1 + octets + 1);
  return Taken::kRequest;
}

std::string SocketmapFound(std::string_view value) { return Netstring("OK", value); }
std::string SocketmapNotFound() { return Netstring("NOTFOUND", ""); }
std::string SocketmapTemporary(std::string_view why) { return Netstring("TEMP", why); }
std::string SocketmapPermanent(std::string_view why) { return Netstring("PERM", why); }

Taken TakeTcp(std::string* input, TcpRequest* request) {
  const size_t end = input->find('\n');
  if (end == input->npos) {
    return input->size() > kMaxLookupOctets ? Taken::kBroken : Taken::kMore;
  }
  if (end > kMaxLookupOctets) return Taken::kBroken;
  std::string_view line = std::string_view(*input).substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const size_t blank = line.find(' ');
  if (blank == line.npos) return Taken::kBroken;
  request->get = absl::EqualsIgnoreCase(View(line.substr(0, blank)), "get");
  std::optional<std::string> key = PercentDecoded(line.substr(blank + 1));
  if (!key.has_value()) return Taken::kBroken;
  request->key = *std::move(key);
  input->erase(0, end + 1);
  return Taken::kRequest;
}

std::string TcpFound(std::string_view value) {
  return absl::StrCat("200 ", PercentEncoded(value), "\n");
}
std::string TcpNotFound() { return "500 not%20found\n"; }
std::string TcpTemporary(std::string_view why) {
  return absl::StrCat("400 ", PercentEncoded(why), "\n");
}

Taken TakePolicy(std::string* input, PolicyRequest* request) {
  // An empty line alone is no request.
  if (input->starts_with('\n')) return Taken::kBroken;
  const size_t end = input->find("\n\n");
  if (end == input->npos) {
    // One more may be the first half of the end.
    return input->size() > kMaxPolicyOctets + 1 ? Taken::kBroken : Taken::kMore;
  }
  if (end > kMaxPolicyOctets) return Taken::kBroken;
  *request = PolicyRequest();
  if (!ParsePolicy(std::string_view(*input).substr(0, end + 1), request)) return Taken::kBroken;
  input->erase(0, end + 2);
  return Taken::kRequest;
}

std::string PolicyAction(std::string_view action) {
  return absl::StrCat("action=", View(action), "\n\n");
}

}  // namespace restante::postfix
