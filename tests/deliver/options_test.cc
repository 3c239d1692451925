#include "plugins/deliver/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace restante::deliver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<Options> Parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "restante-deliver");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return ParseOptions(static_cast<int>(arguments.size()), argv.data());
}

std::string ErrorOf(std::vector<std::string> arguments) {
  return std::string(Parse(std::move(arguments)).status().message());
}

TEST(OptionsTest, SenderAndRecipientsAreAddresses) {
  const auto options =
      Parse({"-f", "bob@example.net", "ann@example.org", "<carl+x@example.org>"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->sender, "bob@example.net");
  EXPECT_THAT(options->recipients, ElementsAre("ann@example.org", "carl+x@example.org"));
}

TEST(OptionsTest, TheNullSenderIsEmptyOrAsMtasWriteIt) {
  for (const std::string sender : {"", "<>", "MAILER-DAEMON"}) {
    const auto options = Parse({"-f", sender, "ann"});
    ASSERT_TRUE(options.ok()) << sender;
    EXPECT_EQ(options->sender, "") << sender;
  }
  EXPECT_FALSE(Parse({"ann"})->sender.has_value());
}

TEST(OptionsTest, AnAddressMayBeginWithADash) {
  const auto options = Parse({"-f", "-x@example.net", "--", "-ann@example.org"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->sender, "-x@example.net");
  EXPECT_THAT(options->recipients, ElementsAre("-ann@example.org"));
}

TEST(OptionsTest, NoAddressCanBringACommand) {
  for (const std::string bad :
       {"a@b>\r\nRCPT TO:<c@d", "a@b>", "a b@c", "a@b\n", "<a@b", "a@b> SIZE=1", ""}) {
    EXPECT_THAT(ErrorOf({bad}), HasSubstr("isn't an address")) << bad;
    if (!bad.empty()) {
      EXPECT_THAT(ErrorOf({"-f", bad, "ann"}), HasSubstr("sender '")) << bad;
    }
  }
}

TEST(OptionsTest, ARecipientIsNeededToDeliverAndNotToCheckAConfiguration) {
  EXPECT_EQ(ErrorOf({}), "a recipient is needed");
  EXPECT_TRUE(Parse({"--check-config"}).ok());
  EXPECT_TRUE(Parse({"--print-config"}).ok());
  EXPECT_EQ(Parse({"--version"})->action, Options::Action::kVersion);
  EXPECT_EQ(Parse({"-h"})->action, Options::Action::kHelp);
}

TEST(OptionsTest, FileAndOverridesAreTaken) {
  const auto options =
      Parse({"--config", "a.yaml", "--set", "lmtp=h:24", "--set=hostname=x", "b"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->config_file, "a.yaml");
  EXPECT_THAT(options->overrides, ElementsAre("lmtp=h:24", "hostname=x"));
}

TEST(OptionsTest, SenderAndRecipientMayBeInTheEnvironment) {
  setenv("SENDER", "", 1);
  setenv("RECIPIENT", "ann@example.org", 1);
  const auto options = Parse({"--environment"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->sender, "");
  EXPECT_THAT(options->recipients, ElementsAre("ann@example.org"));
  setenv("SENDER", "bob@example.net>", 1);
  EXPECT_THAT(ErrorOf({"-e"}), HasSubstr("$SENDER 'bob@example.net>' isn't"));
  unsetenv("SENDER");
  EXPECT_THAT(ErrorOf({"-e"}), HasSubstr("needs $SENDER and $RECIPIENT"));
  unsetenv("RECIPIENT");
}

TEST(OptionsTest, WrongOptionsAreNamed) {
  EXPECT_THAT(ErrorOf({"--sender", "a", "b"}), HasSubstr("unknown option --sender"));
  EXPECT_EQ(ErrorOf({"-f"}), "-f needs a value");
}

}  // namespace
}  // namespace restante::deliver
