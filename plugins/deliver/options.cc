#include "plugins/deliver/options.h"

#include <getopt.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "plugins/lmtpd/address.h"

namespace restante::deliver {

const char kUsageText[] =
    "Delivers the message on standard input to accounts of Restante, through\n"
    "restante-lmtpd. For Postfix' pipe(8), Exim's pipe transport, .forward files and cron.\n"
    "Usage: restante-deliver [OPTIONS] [--] RECIPIENT...\n"
    "       restante-deliver [OPTIONS] --environment\n\n"
    "  -f, --from ADDRESS    Envelope sender; \"\" or \"<>\" for a bounce. Without it: that "
    "of\n"
    "                        a \"From \" line on top of the message, or else none\n"
    "  -e, --environment     Sender and recipient are $SENDER and $RECIPIENT, as Exim's pipe\n"
    "                        transport and Postfix' local(8) set them\n"
    "  --config FILE         YAML file with the configuration\n"
    "  --set KEY=VALUE       Override one key of the file; may be repeated\n"
    "  --check-config        Check options and configuration, then exit\n"
    "  --print-config        Print the configuration in effect, then exit\n"
    "  --version             Print the version\n"
    "  -h, --help            Print this help\n\n"
    "Exit codes are those of sysexits(3): 0 every recipient has the message on disk, 75 to be\n"
    "tried again, 67 no such recipient, 65 the message or its sender isn't acceptable, 73 "
    "over\n"
    "quota, 64 wrong options, 78 wrong configuration. There is one for all recipients: if one\n"
    "of them doesn't exist, none gets the message.\n"
    "The keys are described in docs/configuration.md, their schema is\n"
    "plugins/deliver/config.proto.\n";

namespace {

enum LongOption { kConfig = 256, kSet, kCheckConfig, kPrintConfig, kVersionOption };

constexpr option kLongOptions[] = {
    {"from", required_argument, nullptr, 'f'},
    {"environment", no_argument, nullptr, 'e'},
    {"config", required_argument, nullptr, kConfig},
    {"set", required_argument, nullptr, kSet},
    {"check-config", no_argument, nullptr, kCheckConfig},
    {"print-config", no_argument, nullptr, kPrintConfig},
    {"version", no_argument, nullptr, kVersionOption},
    {"help", no_argument, nullptr, 'h'},
    {nullptr, 0, nullptr, 0},
};

std::optional<std::string> ReadAddress(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "<") && !absl::ConsumeSuffix(&text, ">")) return std::nullopt;
  const std::string path = absl::StrCat("<", text, ">");
  size_t length = 0;
  const std::optional<lmtp::Path> parsed = lmtp::ParsePath(path, &length);
  if (!parsed.has_value() || length != path.size()) return std::nullopt;
  return parsed->text;
}

absl::Status BadAddress(absl::string_view what, absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(what, " '", text, "' isn't an address"));
}

absl::Status TakeEnvironment(Options* options) {
  const char* sender = std::getenv("SENDER");
  const char* recipient = std::getenv("RECIPIENT");
  if (sender == nullptr || recipient == nullptr) {
    return absl::InvalidArgumentError("--environment needs $SENDER and $RECIPIENT");
  }
  options->sender = ReadSender(sender);
  if (!options->sender.has_value()) return BadAddress("$SENDER", sender);
  std::optional<std::string> address = ReadAddress(recipient);
  if (!address.has_value() || address->empty()) return BadAddress("$RECIPIENT", recipient);
  options->recipients.push_back(*std::move(address));
  return absl::OkStatus();
}

absl::Status TakeRecipients(int argc, char** argv, Options* options) {
  for (int i = optind; i < argc; ++i) {
    std::optional<std::string> recipient = ReadAddress(argv[i]);
    if (!recipient.has_value() || recipient->empty()) return BadAddress("recipient", argv[i]);
    options->recipients.push_back(*std::move(recipient));
  }
  if (options->action == Options::Action::kDeliver && options->recipients.empty()) {
    return absl::InvalidArgumentError("a recipient is needed");
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<std::string> ReadSender(absl::string_view text) {
  if (text == "MAILER-DAEMON") return std::string();
  return ReadAddress(text);
}

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  Options options;
  optind = 0;  // getopt's, from the start
  opterr = 0;
  int choice = 0;
  while ((choice = getopt_long(argc, argv, "+:ef:h", kLongOptions, nullptr)) != -1) {
    switch (choice) {
      case 'f':
        options.sender = ReadSender(optarg);
        if (!options.sender.has_value()) return BadAddress("sender", optarg);
        break;
      case 'e':
        if (absl::Status status = TakeEnvironment(&options); !status.ok()) return status;
        break;
      case kConfig:
        options.config_file = optarg;
        break;
      case kSet:
        options.overrides.emplace_back(optarg);
        break;
      case kCheckConfig:
        options.action = Options::Action::kCheckConfig;
        break;
      case kPrintConfig:
        options.action = Options::Action::kPrintConfig;
        break;
      case kVersionOption:
        options.action = Options::Action::kVersion;
        return options;
      case 'h':
        options.action = Options::Action::kHelp;
        return options;
      case ':':
        return absl::InvalidArgumentError(absl::StrCat(argv[optind - 1], " needs a value"));
      default:
        return absl::InvalidArgumentError(
            absl::StrCat("unknown option ", argv[optind - 1], "; see --help"));
    }
  }
  if (absl::Status status = TakeRecipients(argc, argv, &options); !status.ok()) return status;
  return options;
}

}  // namespace restante::deliver
