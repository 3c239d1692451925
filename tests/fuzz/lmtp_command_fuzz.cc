// LMTP commands: whatever the line, verbs don't depend on case, arguments are part of
// the line, and nothing that is taken of one can carry a line end on.
#include <algorithm>

#include "plugins/lmtpd/command.h"
#include "plugins/lmtpd/xclient.h"
#include "plugins/lmtpd/xtext.h"
#include "tests/fuzz/property.h"

namespace restante::lmtp {
namespace {

void CheckPath(const Path& path) {
  PROPERTY(path.text.find_first_of(std::string_view("\r\n\0", 3)) == path.text.npos);
  const bool ascii =
      std::all_of(path.text.begin(), path.text.end(), [](unsigned char c) { return c < 0x80; });
  PROPERTY(path.utf8 == !ascii);
  // Written again, it is the same.
  size_t length = 0;
  const std::string written = "<" + path.text + ">";
  const auto again = ParsePath(written, &length);
  PROPERTY(again.has_value() && length == written.size());
  PROPERTY(again->text == path.text && again->literal == path.literal);
}

void CheckXclient(std::string_view argument) {
  XclientArguments told;
  if (ParseXclient(argument, &told) != nullptr) return;
  for (const auto* text : {&told.name, &told.helo, &told.login}) {
    if (!text->has_value()) continue;
    PROPERTY((*text)->size() <= 255);
    PROPERTY((*text)->find_first_of(std::string_view("\r\n\0", 3)) == (*text)->npos);
  }
}

void CheckXtext(std::string_view text) {
  const auto octets = DecodeXtext(text);
  PROPERTY(!octets.has_value() || octets->size() <= text.size());
  PROPERTY(!octets.has_value() || DecodeXtext(text, /*utf8=*/true) == octets);
}

}  // namespace
}  // namespace restante::lmtp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::lmtp;
  const restante::fuzz::Input input(data, size);
  const std::string_view line = input.text();
  const Command command = ParseCommand(line);
  if (!command.argument.empty()) {
    PROPERTY(command.argument.data() >= line.data());
    PROPERTY(command.argument.data() + command.argument.size() <= line.data() + line.size());
  }
  std::string upper(line);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  PROPERTY(ParseCommand(upper).verb == command.verb);

  for (const std::string_view argument : {command.argument, line}) {
    MailArguments mail;
    if (ParseMail(argument, &mail) == nullptr) CheckPath(mail.sender);
    for (const bool smtputf8 : {false, true}) {
      Path recipient;
      if (ParseRcpt(argument, smtputf8, &recipient) != nullptr) continue;
      PROPERTY(!recipient.text.empty());
      PROPERTY(smtputf8 || !recipient.utf8);
      CheckPath(recipient);
    }
    CheckXclient(argument);
    CheckXtext(argument);
    BdatArguments bdat;
    if (ParseBdat(argument, &bdat) == nullptr) {
      PROPERTY(argument.find_first_of("0123456789") != argument.npos);
    }
  }
  return 0;
}
