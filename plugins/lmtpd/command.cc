#include "plugins/lmtpd/command.h"

#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "plugins/lmtpd/dsn.h"
#include "plugins/lmtpd/words.h"

namespace restante::lmtp {
namespace {

struct VerbName {
  std::string_view name;
  Verb verb;
};

constexpr VerbName kVerbs[] = {
    {"MAIL", Verb::kMail},           {"RCPT", Verb::kRcpt},
    {"DATA", Verb::kData},           {"LHLO", Verb::kLhlo},
    {"QUIT", Verb::kQuit},           {"RSET", Verb::kRset},
    {"BDAT", Verb::kBdat},           {"NOOP", Verb::kNoop},
    {"VRFY", Verb::kVrfy},           {"HELP", Verb::kHelp},
    {"EHLO", Verb::kOtherHello},     {"HELO", Verb::kOtherHello},
    {"EXPN", Verb::kNotImplemented}, {"STARTTLS", Verb::kStartTls},
    {"AUTH", Verb::kNotImplemented}, {"ETRN", Verb::kNotImplemented},
    {"TURN", Verb::kNotImplemented}, {"XCLIENT", Verb::kXclient},
};

// Digits alone. A number beyond 64 bits is taken for the greatest one.
std::optional<uint64_t> ParseOctets(std::string_view digits) {
  uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (digits.empty() || stop != end) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::numeric_limits<uint64_t>::max();
  return value;
}

// Takes `FROM:` or `TO:`, in any case, and white space behind it, as sloppy clients
// send it.
bool TakeKeyword(std::string_view keyword, std::string_view* argument) {
  if (!EqualsIgnoreCase(argument->substr(0, keyword.size()), keyword)) return false;
  *argument = TrimLeft(argument->substr(keyword.size()));
  return true;
}

// Takes a path that ends the argument or has a space behind it.
std::optional<Path> TakePath(std::string_view* argument) {
  size_t length = 0;
  std::optional<Path> path = ParsePath(*argument, &length);
  if (!path.has_value()) return path;
  argument->remove_prefix(length);
  if (!argument->empty() && argument->front() != ' ') return std::nullopt;
  *argument = TrimLeft(*argument);
  return path;
}

class MailParameters {
 public:
  explicit MailParameters(MailArguments* mail) : mail_(mail) {}

  const Reply* Take(std::string_view parameter) {
    const size_t equals = parameter.find('=');
    const std::string_view key = parameter.substr(0, equals);
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = parameter.substr(equals + 1);
    if (EqualsIgnoreCase(key, "SIZE")) return TakeSize(value);
    if (EqualsIgnoreCase(key, "BODY")) return TakeBody(value);
    if (EqualsIgnoreCase(key, "SMTPUTF8")) return TakeSmtpUtf8(value);
    if (EqualsIgnoreCase(key, "RET")) {
      if (std::exchange(ret_given_, true)) return &reply::kRepeatedParameter;
      return CheckRet(value.value_or(std::string_view()));
    }
    if (EqualsIgnoreCase(key, "ENVID")) {
      if (std::exchange(envid_given_, true)) return &reply::kRepeatedParameter;
      return CheckEnvid(value.value_or(std::string_view()));
    }
    return &reply::kUnknownParameter;
  }

 private:
  const Reply* TakeSize(std::optional<std::string_view> value) {
    if (std::exchange(size_given_, true)) return &reply::kRepeatedParameter;
    const std::optional<uint64_t> octets =
        value.has_value() ? ParseOctets(*value) : std::nullopt;
    if (!octets.has_value()) return &reply::kBadSize;
    mail_->declared_octets = *octets;
    return nullptr;
  }

  // Octets are taken as they are whatever BODY says, so its value isn't kept.
  const Reply* TakeBody(std::optional<std::string_view> value) {
    if (std::exchange(body_given_, true)) return &reply::kRepeatedParameter;
    const bool known = value.has_value() && (EqualsIgnoreCase(*value, "7BIT") ||
                                             EqualsIgnoreCase(*value, "8BITMIME"));
    return known ? nullptr : &reply::kBadBody;
  }

  const Reply* TakeSmtpUtf8(std::optional<std::string_view> value) {
    if (std::exchange(mail_->smtputf8, true)) return &reply::kRepeatedParameter;
    return value.has_value() ? &reply::kBadSmtpUtf8 : nullptr;
  }

  MailArguments* mail_;
  bool size_given_ = false;
  bool body_given_ = false;
  bool ret_given_ = false;
  bool envid_given_ = false;
};

// NOTIFY and ORCPT, each once.
const Reply* CheckRcptParameters(std::string_view parameters, bool smtputf8) {
  bool notify_given = false;
  bool orcpt_given = false;
  while (!parameters.empty()) {
    const std::string_view parameter = TakeWord(&parameters);
    const size_t equals = parameter.find('=');
    const std::string_view key = parameter.substr(0, equals);
    const std::string_view value =
        equals == parameter.npos ? std::string_view() : parameter.substr(equals + 1);
    const bool notify = EqualsIgnoreCase(key, "NOTIFY");
    if (!notify && !EqualsIgnoreCase(key, "ORCPT")) return &reply::kUnknownParameter;
    if (std::exchange(notify ? notify_given : orcpt_given, true)) {
      return &reply::kRepeatedParameter;
    }
    const Reply* refused = notify ? CheckNotify(value) : CheckOrcpt(value, smtputf8);
    if (refused != nullptr) return refused;
  }
  return nullptr;
}

}  // namespace

Command ParseCommand(std::string_view line) {
  for (const char c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return {Verb::kBadCharacters, {}};
  }
  const std::string_view name = line.substr(0, line.find(' '));
  const std::string_view argument = Trim(line.substr(name.size()));
  for (const VerbName& known : kVerbs) {
    if (EqualsIgnoreCase(name, known.name)) return {known.verb, argument};
  }
  return {Verb::kUnknown, argument};
}

const Reply* ParseMail(std::string_view argument, MailArguments* mail) {
  if (!TakeKeyword("FROM:", &argument) || argument.empty() || argument.front() != '<') {
    return &reply::kMailSyntax;
  }
  std::optional<Path> path = TakePath(&argument);
  if (!path.has_value()) return &reply::kBadSender;
  mail->sender = *std::move(path);
  MailParameters parameters(mail);
  while (!argument.empty()) {
    if (const Reply* refused = parameters.Take(TakeWord(&argument))) return refused;
  }
  if (mail->sender.utf8 && !mail->smtputf8) return &reply::kSenderNeedsUtf8;
  return nullptr;
}

const Reply* ParseRcpt(std::string_view argument, bool smtputf8, Path* recipient) {
  if (!TakeKeyword("TO:", &argument) || argument.empty() || argument.front() != '<') {
    return &reply::kRcptSyntax;
  }
  std::optional<Path> path = TakePath(&argument);
  if (!path.has_value() || path->text.empty()) return &reply::kBadRecipient;
  if (const Reply* refused = CheckRcptParameters(argument, smtputf8)) return refused;
  if (path->utf8 && !smtputf8) return &reply::kRecipientNeedsUtf8;
  if (path->literal) return &reply::kAddressLiteral;
  *recipient = *std::move(path);
  return nullptr;
}

const Reply* ParseBdat(std::string_view argument, BdatArguments* bdat) {
  const std::optional<uint64_t> octets = ParseOctets(TakeWord(&argument));
  // Nobody sends a chunk of 2^64 octets, and nobody could skip it.
  if (!octets.has_value() || *octets == std::numeric_limits<uint64_t>::max()) {
    return &reply::kBdatSyntax;
  }
  bdat->octets = *octets;
  bdat->last = EqualsIgnoreCase(argument, "LAST");
  return argument.empty() || bdat->last ? nullptr : &reply::kBdatSyntax;
}

}  // namespace restante::lmtp
