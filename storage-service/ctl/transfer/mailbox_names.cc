#include "storage-service/ctl/transfer/mailbox_names.h"

#include <uniconv.h>
#include <uninorm.h>
#include <unistr.h>

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage-service/ctl/format.h"

namespace restante::ctl {
namespace {

// glibc's name of it.
constexpr char kModifiedUtf7[] = "UTF-7-IMAP";

struct FreeOctets {
  void operator()(void* octets) const { std::free(octets); }  // NOLINT(*-no-malloc)
};

std::string NormalForm(absl::string_view text) {
  size_t length = 0;
  const std::unique_ptr<uint8_t, FreeOctets> normal(
      u8_normalize(UNINORM_NFC, reinterpret_cast<const uint8_t*>(text.data()), text.size(),
                   nullptr, &length));
  if (normal == nullptr) return std::string(text);
  return std::string(reinterpret_cast<const char*>(normal.get()), length);
}

// Whether each "&" has its "-". The decoder passes over one that hasn't, with what follows:
// a name with such isn't encoded at all.
bool EndsItsShifts(absl::string_view name) {
  constexpr absl::string_view kBase64 =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
  for (size_t at = name.find('&'); at != absl::string_view::npos; at = name.find('&', at)) {
    at = name.find_first_not_of(kBase64, at + 1);
    if (at == absl::string_view::npos || name[at] != '-') return false;
  }
  return true;
}

std::string LevelOf(const std::string& written) {
  std::string text = FromModifiedUtf7(written).value_or(written);
  if (!IsUtf8(text)) {
    for (char& octet : text) {
      if (static_cast<unsigned char>(octet) >= 0x80) octet = '_';
    }
  }
  text = NormalForm(text);
  std::string level;
  for (size_t at = 0; at < text.size();) {
    ucs4_t character = 0;
    const int octets =
        u8_mbtoucr(&character, reinterpret_cast<const uint8_t*>(&text[at]), text.size() - at);
    const size_t length = octets > 0 ? static_cast<size_t>(octets) : 1;
    const bool control = character < 0x20 || (character >= 0x7F && character <= 0x9F);
    level += control || character == '/' ? "_" : text.substr(at, length);
    at += length;
  }
  if (level.empty()) return "_";
  if (level.front() == ' ') level.front() = '_';
  if (level.back() == ' ') level.back() = '_';
  return level;
}

}  // namespace

std::optional<std::string> FromModifiedUtf7(absl::string_view name) {
  if (!EndsItsShifts(name)) return std::nullopt;
  size_t length = 0;
  const std::unique_ptr<uint8_t, FreeOctets> utf8(u8_conv_from_encoding(
      kModifiedUtf7, iconveh_error, name.data(), name.size(), nullptr, nullptr, &length));
  if (utf8 == nullptr) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(utf8.get()), length);
}

std::string ToModifiedUtf7(absl::string_view name) {
  size_t length = 0;
  const std::unique_ptr<char, FreeOctets> utf7(u8_conv_to_encoding(
      kModifiedUtf7, iconveh_error, reinterpret_cast<const uint8_t*>(name.data()), name.size(),
      nullptr, nullptr, &length));
  if (utf7 == nullptr) return std::string(name);
  return std::string(utf7.get(), length);
}

std::string MailboxNameOf(const std::vector<std::string>& levels) {
  std::string name;
  for (const std::string& level : levels) {
    absl::StrAppend(&name, name.empty() ? "" : "/", LevelOf(level));
  }
  if (name.size() >= 5 && absl::EqualsIgnoreCase(name.substr(0, 5), "INBOX") &&
      (name.size() == 5 || name[5] == '/')) {
    name.replace(0, 5, "INBOX");
  }
  return name;
}

std::string MaildirFolderOf(absl::string_view mailbox) {
  if (mailbox == "INBOX") return "";
  std::string folder;
  for (const absl::string_view level : absl::StrSplit(mailbox, '/')) {
    std::string written = ToModifiedUtf7(level);
    for (char& octet : written) {
      if (octet == '.') octet = '_';
    }
    absl::StrAppend(&folder, ".", written);
  }
  return folder;
}

}  // namespace restante::ctl
