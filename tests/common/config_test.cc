// How configuration files are read: what is taken, and what is refused with which words.
#include "common/config.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "tests/common/sample.pb.h"

namespace restante {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class ConfigTest : public testing::Test {
 protected:
  absl::Status Parse(const std::string& yaml) { return ParseYaml(yaml, "f.yaml", &config_); }
  std::string ErrorOf(const std::string& yaml) { return std::string(Parse(yaml).message()); }

  config::Sample config_;
};

TEST_F(ConfigTest, AnEmptyFileKeepsTheDefaults) {
  config_.set_name("default");
  EXPECT_TRUE(Parse("").ok());
  EXPECT_TRUE(Parse("# only a comment\n").ok());
  EXPECT_TRUE(Parse("---\n").ok());
  EXPECT_EQ(config_.name(), "default");
}

TEST_F(ConfigTest, EachKindOfFieldTakesItsValue) {
  ASSERT_EQ(Parse(R"(
name: store 1
enabled: true
small: -7
large: -9223372036854775808
port: 1110
count: 18446744073709551615
ratio: 0.25
buffer_octets: 64KiB
line_octets: 255
idle_timeout: 1h30m
listen: ["127.0.0.1:110", "[::1]:110"]
ports: [1, 2]
limits: {sessions: 5, wait: 250ms}
zones:
  - sessions: 1
  - wait: 2d
log:
  level: debug
  format: json
)"),
            absl::OkStatus());
  EXPECT_EQ(config_.name(), "store 1");
  EXPECT_TRUE(config_.enabled());
  EXPECT_EQ(config_.small(), -7);
  EXPECT_EQ(config_.large(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(config_.port(), 1110u);
  EXPECT_EQ(config_.count(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(config_.ratio(), 0.25);
  EXPECT_EQ(config_.buffer_octets(), 65536u);
  EXPECT_EQ(config_.line_octets(), 255);
  EXPECT_EQ(FromProto(config_.idle_timeout()), absl::Minutes(90));
  EXPECT_THAT(config_.listen(), ElementsAre("127.0.0.1:110", "[::1]:110"));
  EXPECT_THAT(config_.ports(), ElementsAre(1, 2));
  EXPECT_EQ(config_.limits().sessions(), 5u);
  EXPECT_EQ(FromProto(config_.limits().wait()), absl::Milliseconds(250));
  ASSERT_EQ(config_.zones_size(), 2);
  EXPECT_EQ(FromProto(config_.zones(1).wait()), absl::Hours(48));
  EXPECT_EQ(config_.log().level(), config::LOG_LEVEL_DEBUG);
  EXPECT_EQ(config_.log().format(), config::LOG_FORMAT_JSON);
}

TEST_F(ConfigTest, SectionsAreMergedAndListsReplaced) {
  config_.mutable_limits()->set_sessions(10);
  *config_.mutable_limits()->mutable_wait() = ToProto(absl::Seconds(3));
  config_.add_listen("127.0.0.1:110");
  ASSERT_EQ(Parse("limits: {sessions: 20}\nlisten: ['*:110']"), absl::OkStatus());
  EXPECT_EQ(config_.limits().sessions(), 20u);
  EXPECT_EQ(FromProto(config_.limits().wait()), absl::Seconds(3));
  EXPECT_THAT(config_.listen(), ElementsAre("*:110"));
  ASSERT_EQ(Parse("listen: []"), absl::OkStatus());
  EXPECT_THAT(config_.listen(), IsEmpty());
}

TEST_F(ConfigTest, ASectionWithAllKeysCommentedOutChangesNothing) {
  config_.mutable_limits()->set_sessions(10);
  ASSERT_EQ(Parse("limits:\n#  sessions: 20\nname: x"), absl::OkStatus());
  EXPECT_EQ(config_.limits().sessions(), 10u);
}

TEST_F(ConfigTest, AnUnknownKeyIsNamedWithItsPlaceAndTheKnownOnes) {
  EXPECT_EQ(ErrorOf("name: a\nlimits:\n  session: 3\n"),
            "f.yaml:3:3: key 'limits.session': unknown, did you mean 'sessions'? "
            "known keys here: sessions, wait");
  EXPECT_THAT(
      ErrorOf("completely_different: 1"),
      StartsWith("f.yaml:1:1: key 'completely_different': unknown; known keys here: log"));
}

TEST_F(ConfigTest, AMistypedValueIsNamedWithItsPlaceAndWhatWouldBeRight) {
  EXPECT_EQ(ErrorOf("port: many"),
            "f.yaml:1:7: key 'port': expected a whole number, found 'many'");
  EXPECT_EQ(ErrorOf("enabled: yes"),
            "f.yaml:1:10: key 'enabled': expected true or false, found 'yes'");
  EXPECT_EQ(ErrorOf("log: {level: loud}"),
            "f.yaml:1:14: key 'log.level': expected one of debug, info, warning, error, "
            "found 'loud'");
  EXPECT_EQ(ErrorOf("log: {level: unspecified}"),
            "f.yaml:1:14: key 'log.level': expected one of debug, info, warning, error, "
            "found 'unspecified'");
  EXPECT_EQ(ErrorOf("idle_timeout: 10"),
            "f.yaml:1:15: key 'idle_timeout': expected a duration such as 250ms, 10s, 5m, 1h "
            "or 7d, found '10'");
  EXPECT_EQ(ErrorOf("buffer_octets: 64 pages"),
            "f.yaml:1:16: key 'buffer_octets': expected a size in octets such as 65536, 64KiB "
            "or 100MB, found '64 pages'");
  EXPECT_EQ(ErrorOf("ratio: half"), "f.yaml:1:8: key 'ratio': expected a number, found 'half'");
  EXPECT_EQ(ErrorOf("name: [a]"), "f.yaml:1:7: key 'name': expected a text, found a list");
  EXPECT_THAT(ErrorOf("name:"), HasSubstr("key 'name': expected a text, found nothing"));
  EXPECT_EQ(ErrorOf("listen: '*:110'"),
            "f.yaml:1:9: key 'listen': expected a list ('[one, two]'), found '*:110'");
  EXPECT_EQ(ErrorOf("limits: 5"),
            "f.yaml:1:9: key 'limits': expected a section with keys of its own, found '5'");
  EXPECT_EQ(ErrorOf("ports: [1, two]"),
            "f.yaml:1:12: key 'ports[1]': expected a whole number, found 'two'");
  EXPECT_THAT(ErrorOf("- a\n- b"), HasSubstr("expected keys ('key: value'), found a list"));
}

TEST_F(ConfigTest, ANumberOutOfRangeIsRefusedWithItsRange) {
  EXPECT_EQ(ErrorOf("port: 4294967296"),
            "f.yaml:1:7: key 'port': '4294967296' is out of range, which is 0 to 4294967295");
  EXPECT_THAT(ErrorOf("port: -1"), HasSubstr("'-1' is out of range"));
  EXPECT_THAT(ErrorOf("count: 18446744073709551616"), HasSubstr("is out of range"));
  EXPECT_THAT(ErrorOf("small: 2147483648"), HasSubstr("is out of range"));
  EXPECT_THAT(ErrorOf("line_octets: 2GiB"), HasSubstr("is out of range"));
  EXPECT_THAT(ErrorOf("ratio: 1e999"), HasSubstr("expected a number"));
  EXPECT_THAT(ErrorOf("port: 0x10"), HasSubstr("expected a whole number"));
  EXPECT_THAT(ErrorOf("port: 1.5"), HasSubstr("expected a whole number"));
}

TEST_F(ConfigTest, AKeyGivenTwiceIsRefused) {
  EXPECT_EQ(ErrorOf("name: a\nname: b\n"), "f.yaml:2:1: key 'name': given twice");
}

TEST_F(ConfigTest, BrokenYamlIsRefusedWithItsPlace) {
  EXPECT_THAT(ErrorOf("name: [a\nport: 1"), StartsWith("f.yaml:2:"));
  EXPECT_THAT(ErrorOf("name: [a\nport: 1"), HasSubstr("not valid YAML"));
  EXPECT_THAT(ErrorOf("name: a\n---\nname: b\n"), HasSubstr("a second YAML document"));
}

TEST_F(ConfigTest, WhatIsNotUtf8IsRefusedWithItsPlace) {
  EXPECT_EQ(ErrorOf("# a caf\xc3\xa8\nname: caf\xe8\n"),
            "f.yaml:2:10: not UTF-8; configuration is written in UTF-8");
  EXPECT_THAT(ApplyOverride("name=caf\xe8", &config_).message(), HasSubstr("not UTF-8"));
  EXPECT_THAT(config_.name(), IsEmpty());
}

TEST_F(ConfigTest, AnErrorLeavesTheConfigurationAsItWas) {
  config_.set_name("before");
  EXPECT_FALSE(Parse("name: after\nport: many").ok());
  EXPECT_EQ(config_.name(), "before");
}

TEST_F(ConfigTest, HostileNestingIsRefused) {
  EXPECT_FALSE(Parse(std::string(50'000, '[')).ok());
  EXPECT_FALSE(Parse(std::string(5'000, '{')).ok());
}

TEST_F(ConfigTest, AMissingFileIsNamed) {
  const absl::Status status = LoadYaml("/nonexistent/restante.yaml", &config_);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(),
            "configuration file '/nonexistent/restante.yaml' can't be read: No such file or "
            "directory");
  EXPECT_THAT(std::string(LoadYaml("/tmp", &config_).message()), HasSubstr("Is a directory"));
}

TEST_F(ConfigTest, AFileIsReadAndNamedInErrors) {
  std::string path = testing::TempDir() + "/restante-config-XXXXXX";
  const int fd = mkstemp(path.data());
  ASSERT_GE(fd, 0);
  close(fd);
  std::ofstream(path) << "name: from file\n";
  EXPECT_EQ(LoadYaml(path, &config_), absl::OkStatus());
  EXPECT_EQ(config_.name(), "from file");
  std::ofstream(path) << "nam: from file\n";
  EXPECT_THAT(std::string(LoadYaml(path, &config_).message()), StartsWith(path + ":1:1: "));
  std::ofstream(path, std::ios::trunc).close();
  EXPECT_EQ(LoadYaml(path, &config_), absl::OkStatus());
  unlink(path.c_str());
}

TEST_F(ConfigTest, OverridesTakeTheSameValuesAsFiles) {
  EXPECT_EQ(ApplyOverride("limits.sessions=9", &config_), absl::OkStatus());
  EXPECT_EQ(ApplyOverride("listen=[a, b]", &config_), absl::OkStatus());
  EXPECT_EQ(ApplyOverride("name=a=b", &config_), absl::OkStatus());
  EXPECT_EQ(ApplyOverride("idle_timeout=10m", &config_), absl::OkStatus());
  EXPECT_EQ(config_.limits().sessions(), 9u);
  EXPECT_THAT(config_.listen(), ElementsAre("a", "b"));
  EXPECT_EQ(config_.name(), "a=b");
  EXPECT_EQ(FromProto(config_.idle_timeout()), absl::Minutes(10));
}

TEST_F(ConfigTest, AWrongOverrideIsRefusedWithItsKey) {
  EXPECT_EQ(ApplyOverride("name", &config_).message(),
            "'name' isn't an override; write key.path=value");
  EXPECT_EQ(ApplyOverride("limits.sessions=x", &config_).message(),
            "--set limits.sessions: key 'limits.sessions': expected a whole number, found 'x'");
  EXPECT_THAT(std::string(ApplyOverride("limits.session=1", &config_).message()),
              HasSubstr("did you mean 'sessions'?"));
  EXPECT_THAT(std::string(ApplyOverride("listen=[a", &config_).message()),
              HasSubstr("not valid YAML"));
}

TEST_F(ConfigTest, WhatIsPrintedReadsBackTheSame) {
  ASSERT_EQ(Parse("{name: 'true', enabled: true, small: -5, count: 18446744073709551615,"
                  " ratio: 0.1, buffer_octets: 1536, idle_timeout: 90s, listen: ['[::1]:0'],"
                  " zones: [{sessions: 1, wait: 1ms}], log: {level: warning}}"),
            absl::OkStatus());
  const std::string yaml = ToYaml(config_);
  config::Sample again;
  ASSERT_EQ(ParseYaml(yaml, "printed", &again), absl::OkStatus()) << yaml;
  // An absent section is printed with its defaults.
  config_.mutable_limits();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(config_, again)) << yaml;
}

}  // namespace
}  // namespace restante
