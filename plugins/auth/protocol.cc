#include "plugins/auth/protocol.h"

#include <charconv>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace restante::auth {
namespace {

constexpr char kEscape = '\x01';

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Takes the next field off the line.
std::string_view TakeField(std::string_view* line) {
  const size_t tab = line->find('\t');
  const std::string_view field = line->substr(0, tab);
  line->remove_prefix(tab == line->npos ? line->size() : tab + 1);
  return field;
}

std::optional<uint32_t> Number(std::string_view digits) {
  uint32_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

bool TakeId(std::string_view* rest, ClientLine* line) {
  line->id = Number(TakeField(rest)).value_or(0);
  return line->id != 0;
}

bool ParseAuth(std::string_view rest, ClientLine* line) {
  if (!TakeId(&rest, line)) return false;
  line->mechanism = absl::AsciiStrToUpper(View(TakeField(&rest)));
  if (line->mechanism.empty()) return false;
  std::string host;
  std::string port;
  while (!rest.empty()) {
    const std::string_view field = TakeField(&rest);
    const size_t equals = field.find('=');
    const std::string_view key = field.substr(0, equals);
    const std::string_view value =
        equals == field.npos ? std::string_view() : field.substr(equals + 1);
    if (key == "service") {
      line->service = UnescapeValue(value);
    } else if (key == "secured") {
      line->secured = true;
    } else if (key == "rip") {
      host = UnescapeValue(value);
    } else if (key == "rport") {
      port = UnescapeValue(value);
    } else if (key == "resp") {
      // The last one, by definition: base64 has no tabs. Exim sends it without a value when
      // there is none; an empty initial response is "=" (RFC 4954, section 4).
      line->has_response = !value.empty();
      line->response = std::string(value);
      if (!rest.empty()) return false;
    }
  }
  if (!host.empty() && !port.empty()) {
    const bool v6 = host.find(':') != host.npos;
    line->remote = v6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
  } else {
    line->remote = host;
  }
  return true;
}

bool ParseFields(std::string_view verb, std::string_view rest, ClientLine* line) {
  using Verb = ClientLine::Verb;
  if (verb == "VERSION") {
    line->verb = Verb::kVersion;
    line->major = Number(TakeField(&rest)).value_or(0);
    return line->major != 0 && Number(TakeField(&rest)).has_value();
  }
  if (verb == "CPID") {
    line->verb = Verb::kProcess;
    return Number(TakeField(&rest)).has_value();
  }
  if (verb == "AUTH") {
    line->verb = Verb::kAuth;
    return ParseAuth(rest, line);
  }
  if (verb == "CONT") {
    line->verb = Verb::kContinue;
    if (!TakeId(&rest, line)) return false;
    line->has_response = true;
    line->response = std::string(rest);
    return rest.find('\t') == rest.npos;
  }
  if (verb == "CANCEL") {
    line->verb = Verb::kCancel;
    return TakeId(&rest, line);
  }
  return true;
}

}  // namespace

ClientLine ParseLine(std::string_view line) {
  ClientLine parsed;
  std::string_view rest = line;
  const std::string_view verb = TakeField(&rest);
  if (!ParseFields(verb, rest, &parsed)) parsed.verb = ClientLine::Verb::kMalformed;
  return parsed;
}

std::string Handshake(uint32_t pid, uint32_t connection, std::string_view cookie) {
  return absl::StrCat("VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t",
                      pid, "\nCUID\t", connection, "\nCOOKIE\t", View(cookie), "\nDONE\n");
}

std::string ContinueLine(uint32_t id, std::string_view challenge) {
  return absl::StrCat("CONT\t", id, "\t", absl::Base64Escape(View(challenge)), "\n");
}

std::string OkLine(uint32_t id, std::string_view user) {
  return absl::StrCat("OK\t", id, "\tuser=", EscapeValue(user), "\n");
}

std::string FailLine(uint32_t id, std::string_view user, Failure failure) {
  std::string line = absl::StrCat("FAIL\t", id);
  if (!user.empty()) absl::StrAppend(&line, "\tuser=", EscapeValue(user));
  switch (failure) {
    case Failure::kCredentials:
      break;
    case Failure::kDisabled:
      line += "\tuser_disabled";
      break;
    case Failure::kOtherUser:
      line += "\tauthz";
      break;
    case Failure::kTemporary:
      line += "\ttemp";
      break;
  }
  line.push_back('\n');
  return line;
}

std::string EscapeValue(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    switch (c) {
      case '\0':
        escaped += {kEscape, '0'};
        break;
      case kEscape:
        escaped += {kEscape, '1'};
        break;
      case '\t':
        escaped += {kEscape, 't'};
        break;
      case '\r':
        escaped += {kEscape, 'r'};
        break;
      case '\n':
        escaped += {kEscape, 'n'};
        break;
      default:
        escaped.push_back(c);
    }
  }
  return escaped;
}

std::string UnescapeValue(std::string_view value) {
  std::string octets;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] != kEscape || i + 1 == value.size()) {
      octets.push_back(value[i]);
      continue;
    }
    switch (const char c = value[++i]) {
      case '0':
        octets.push_back('\0');
        break;
      case '1':
        octets.push_back(kEscape);
        break;
      case 't':
        octets.push_back('\t');
        break;
      case 'r':
        octets.push_back('\r');
        break;
      case 'n':
        octets.push_back('\n');
        break;
      default:
        octets.push_back(c);
    }
  }
  return octets;
}

}  // namespace restante::auth
