#include "plugins/lmtpd/address.h"

#include <cstdint>

namespace restante::lmtp {
namespace {

bool IsAlphanumeric(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// atext of RFC 5322, the dot, and what is outside ASCII.
bool IsLocalOctet(unsigned char c) {
  return IsAlphanumeric(c) || c >= 0x80 ||
         std::string_view("!#$%&'*+-/=?^_`{|}~.").find(static_cast<char>(c)) !=
             std::string_view::npos;
}

bool IsDomainOctet(unsigned char c) {
  return IsAlphanumeric(c) || c >= 0x80 || c == '-' || c == '_';
}

bool IsValidUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    size_t more = 0;
    uint32_t point = lead;
    uint32_t least = 0;
    if (lead >= 0xF0 && lead <= 0xF4) {
      more = 3, point = lead & 0x07, least = 0x10000;
    } else if (lead >= 0xE0 && lead < 0xF0) {
      more = 2, point = lead & 0x0F, least = 0x800;
    } else if (lead >= 0xC2 && lead < 0xE0) {
      more = 1, point = lead & 0x1F, least = 0x80;
    } else if (lead >= 0x80) {
      return false;
    }
    if (text.size() - i <= more) return false;
    for (size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      point = (point << 6) | (next & 0x3F);
    }
    if (point < least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    i += more + 1;
  }
  return true;
}

// Reads from left to right; each Take either moves on or leaves the place as it is.
class PathReader {
 public:
  explicit PathReader(std::string_view input) : input_(input) {}

  std::optional<Path> Read() {
    if (!Take('<')) return std::nullopt;
    if (Take('>')) return Path{};
    if (At('@') && !TakeSourceRoute()) return std::nullopt;
    Path path;
    const size_t begin = at_;
    if (!(At('"') ? TakeQuoted() : TakeWhile(IsLocalOctet))) return std::nullopt;
    if (Take('@')) {
      path.literal = At('[');
      if (!(path.literal ? TakeLiteral() : TakeDomain())) return std::nullopt;
    }
    path.text = std::string(input_.substr(begin, at_ - begin));
    if (!Take('>')) return std::nullopt;
    for (const char c : path.text) path.utf8 |= static_cast<unsigned char>(c) >= 0x80;
    if (path.utf8 && !IsValidUtf8(path.text)) return std::nullopt;
    return path;
  }

  size_t place() const { return at_; }

 private:
  bool At(char c) const { return at_ < input_.size() && input_[at_] == c; }

  bool Take(char c) {
    if (!At(c)) return false;
    ++at_;
    return true;
  }

  template <typename Accepts>
  bool TakeWhile(Accepts accepts) {
    const size_t begin = at_;
    while (at_ < input_.size() && accepts(static_cast<unsigned char>(input_[at_]))) ++at_;
    return at_ > begin;
  }

  bool TakeDomain() {
    do {
      if (!TakeWhile(IsDomainOctet)) return false;
    } while (Take('.'));
    return true;
  }

  // Printable ASCII, or UTF-8, between double quotes; a backslash takes the special
  // meaning from the octet after it.
  bool TakeQuoted() {
    ++at_;
    while (at_ < input_.size() && !At('"')) {
      if (At('\\')) ++at_;
      if (at_ == input_.size()) return false;
      const auto c = static_cast<unsigned char>(input_[at_]);
      if (c < 0x20 || c == 0x7F) return false;
      ++at_;
    }
    return Take('"');
  }

  bool TakeLiteral() {
    ++at_;
    return TakeWhile([](unsigned char c) {
             return c > 0x20 && c < 0x7F && c != '[' && c != ']' && c != '\\';
           }) &&
           Take(']');
  }

  // `@one,@two:`, which RFC 5321, appendix C, tells to accept and to ignore.
  bool TakeSourceRoute() {
    do {
      if (!Take('@') || !TakeDomain()) return false;
    } while (Take(','));
    return Take(':');
  }

  std::string_view input_;
  size_t at_ = 0;
};

}  // namespace

std::optional<Path> ParsePath(std::string_view input, size_t* length) {
  PathReader reader(input);
  std::optional<Path> path = reader.Read();
  *length = reader.place();
  return path;
}

}  // namespace restante::lmtp
