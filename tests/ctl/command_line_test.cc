// restantectl from its arguments to its output and exit code.
#include "storage-service/ctl/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "absl/strings/str_split.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/rocks_engine.h"
#include "tests/ctl/fake_service.h"

namespace restante::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class CommandLine : public testing::Test {
 protected:
  // Words apart by spaces; `input` is what standard input holds.
  int Run(const std::string& line, const std::string& input = "") {
    std::vector<std::string> arguments = absl::StrSplit(line, ' ', absl::SkipEmpty());
    return RunArguments(std::move(arguments), input);
  }
  int RunArguments(std::vector<std::string> arguments, const std::string& input = "") {
    out_.str("");
    err_.str("");
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    std::thread writer([&] {
      for (size_t at = 0; at < input.size();) {
        const ssize_t octets = write(ends[1], input.data() + at, input.size() - at);
        if (octets <= 0) break;
        at += static_cast<size_t>(octets);
      }
      close(ends[1]);
    });
    const int code =
        RunCommandLine(std::move(arguments), service_.address().c_str(), {ends[0], out_, err_});
    // What a command leaves unread must not hold up the writer.
    char rest[4096];
    while (read(ends[0], rest, sizeof(rest)) > 0) {
    }
    writer.join();
    close(ends[0]);
    return code;
  }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }
  nlohmann::json json() const { return nlohmann::json::parse(out()); }

  FakeService service_;

 private:
  std::ostringstream out_;
  std::ostringstream err_;
};

// The command line itself.

TEST_F(CommandLine, OfEachVerbHasHelpThatNamesTheExitCodes) {
  for (const char* verb : {"",
                           "accounts",
                           "accounts create",
                           "accounts list",
                           "accounts show",
                           "accounts disable",
                           "accounts enable",
                           "accounts delete",
                           "accounts passwd",
                           "accounts quota",
                           "accounts import",
                           "mailboxes",
                           "mailboxes status",
                           "mailboxes create",
                           "messages",
                           "messages list",
                           "messages show",
                           "deliver",
                           "policy",
                           "policy show",
                           "policy set",
                           "policy unset",
                           "filing",
                           "filing show",
                           "filing set",
                           "filing unset",
                           "verify",
                           "stats",
                           "recover"}) {
    EXPECT_EQ(Run(std::string(verb) + " --help"), 0) << verb;
    EXPECT_THAT(out(), HasSubstr("Usage: restantectl"));
    EXPECT_THAT(out(), HasSubstr("Exit codes:")) << verb;
    EXPECT_EQ(err(), "");
  }
}

TEST_F(CommandLine, TellsTheVersion) {
  EXPECT_EQ(Run("--version"), 0);
  EXPECT_THAT(out(), testing::StartsWith("restantectl "));
}

TEST_F(CommandLine, ThatIsWrongIsUsage) {
  for (const char* line : {"",
                           "accounts",
                           "acounts list",
                           "accounts lst",
                           "accounts show",
                           "accounts list x",
                           "accounts list --nonsense",
                           "accounts create",
                           "accounts create a b",
                           "accounts create a --password p",
                           "deliver",
                           "deliver x",
                           "deliver --to a",
                           "messages show a",
                           "messages show a 0",
                           "messages show a x",
                           "messages show a 4294967296",
                           "accounts quota a",
                           "accounts quota a 5XB",
                           "--timeout x stats",
                           "--timeout -1 stats",
                           "--server x stats",
                           "--server host:0 stats",
                           "--server unix: stats",
                           "messages show a 1 --raw --json",
                           "accounts create a",
                           "accounts delete a",
                           "recover",
                           "recover /tmp"}) {
    EXPECT_EQ(Run(line), 2) << line;
    EXPECT_EQ(out(), "") << line;
    EXPECT_THAT(err(), testing::StartsWith("restantectl: ")) << line;
  }
}

TEST_F(CommandLine, NamesAMisspeltVerb) {
  EXPECT_EQ(Run("acounts list"), 2);
  EXPECT_THAT(err(), HasSubstr("'acounts'"));
}

TEST_F(CommandLine, TakesGlobalOptionsAnywhere) {
  for (const char* line : {"--json stats", "stats --json"}) {
    EXPECT_EQ(Run(line), 0) << line;
    EXPECT_EQ(json()["version"], "1.2.3");
  }
}

TEST_F(CommandLine, PrefersTheServerOptionToTheEnvironment) {
  EXPECT_EQ(Run("--server unix:/nonexistent/socket stats"), 3);
  EXPECT_THAT(err(), HasSubstr("unix:/nonexistent/socket"));
}

TEST_F(CommandLine, ThatIsWrongIsUsageAlsoWhenNobodyAnswers) {
  EXPECT_EQ(Run("--server unix:/nonexistent/socket accounts delete a"), 2);
  EXPECT_EQ(Run("--server unix:/nonexistent/socket accounts create a"), 2);
}

// A service that takes longer than 100 ms to greet was taken for one that isn't there.
TEST_F(CommandLine, WaitsForASlowServiceUntilTheTimeIsOver) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  EXPECT_EQ(
      Run(absl::StrCat("--timeout 400ms stats --server 127.0.0.1:", ntohs(address.sin_port))),
      3);
  EXPECT_THAT(err(), HasSubstr("no answer"));
  close(listener);
}

TEST_F(CommandLine, TellsWhatTheServiceRefuses) {
  service_.failure = MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, "there is no account a");
  for (const char* line : {"accounts list", "accounts show a", "accounts disable a",
                           "accounts enable a", "accounts delete a --yes", "accounts quota a 1",
                           "mailboxes status a", "mailboxes create a Lists", "messages list a",
                           "messages show a 1", "messages show a 1 --raw", "verify", "stats"}) {
    EXPECT_EQ(Run(line), 1) << line;
    EXPECT_EQ(err(), "restantectl: there is no account a (NO_SUCH_ACCOUNT)\n") << line;
  }
}

// accounts

TEST_F(CommandLine, CreatesAnAccountWithThePasswordOfStandardInput) {
  EXPECT_EQ(Run("accounts create a@x --password-stdin --quota 10MB", "se cret\n"), 0);
  EXPECT_EQ(service_.created.address(), "a@x");
  EXPECT_EQ(service_.created.credential().password(), "se cret");
  EXPECT_EQ(service_.created.quota_octets(), 10'000'000u);
  EXPECT_EQ(out(), "Created a@x.\n");
}

TEST_F(CommandLine, CreatesAnAccountWithAHash) {
  EXPECT_EQ(Run("accounts create a --password-stdin --crypt --json", "$6$s$h\n"), 0);
  EXPECT_EQ(service_.created.credential().crypt_hash(), "$6$s$h");
  EXPECT_EQ(json()["address"], "a");
}

TEST_F(CommandLine, RefusesAPasswordThatIsNoUtf8) {
  EXPECT_EQ(Run("accounts create a --password-stdin", "caf\xe9\n"), 1);
  EXPECT_THAT(err(), HasSubstr("UTF-8"));
}

TEST_F(CommandLine, ListsAllPages) {
  service_.accounts = 5;
  EXPECT_EQ(Run("accounts list"), 0);
  EXPECT_THAT(out(), testing::StartsWith("ADDRESS"));
  EXPECT_THAT(out(), HasSubstr("user4"));
  EXPECT_EQ(Run("accounts list --json"), 0);
  EXPECT_THAT(json()["accounts"], SizeIs(5));
}

TEST_F(CommandLine, ListsNobodyAsAnEmptyTable) {
  EXPECT_EQ(Run("accounts list --json"), 0);
  EXPECT_EQ(json()["accounts"], nlohmann::json::array());
}

TEST_F(CommandLine, ChangesOnlyWhatAVerbIsFor) {
  EXPECT_EQ(Run("accounts disable a"), 0);
  EXPECT_TRUE(service_.updated.account().disabled());
  EXPECT_THAT(service_.updated.update_mask().paths(), ElementsAre("disabled"));
  EXPECT_EQ(Run("accounts enable a"), 0);
  EXPECT_FALSE(service_.updated.account().disabled());
  EXPECT_THAT(service_.updated.update_mask().paths(), ElementsAre("disabled"));
  EXPECT_EQ(Run("accounts quota a 1KiB"), 0);
  EXPECT_EQ(service_.updated.account().quota_octets(), 1024u);
  EXPECT_THAT(service_.updated.update_mask().paths(), ElementsAre("quota_octets"));
  EXPECT_EQ(Run("accounts quota a none"), 0);
  EXPECT_EQ(service_.updated.account().quota_octets(), 0u);
}

TEST_F(CommandLine, SetsAPassword) {
  EXPECT_EQ(Run("accounts passwd a --password-stdin", "new\n"), 0);
  EXPECT_EQ(service_.password.address(), "a");
  EXPECT_EQ(service_.password.credential().password(), "new");
  EXPECT_THAT(out(), Not(HasSubstr("new\n")));
}

TEST_F(CommandLine, DeletesOnlyWhenItIsSure) {
  EXPECT_EQ(Run("accounts delete a", "y\n"), 2);
  EXPECT_THAT(service_.deleted, IsEmpty());
  EXPECT_EQ(Run("accounts delete a --yes"), 0);
  EXPECT_THAT(service_.deleted, ElementsAre("a"));
}

TEST_F(CommandLine, ImportsAFileInPieces) {
  std::string text;
  for (int i = 0; i < 1234; ++i) text += absl::StrCat("user", i, "\tsecret", i, "\n");
  EXPECT_EQ(Run("accounts import -", text), 0);
  ASSERT_THAT(service_.imported, SizeIs(1234));
  EXPECT_EQ(service_.imported[1233].address(), "user1233");
  EXPECT_EQ(out(), "Imported 1234 accounts.\n");
}

TEST_F(CommandLine, NamesTheLineThatTheServiceRefuses) {
  service_.wrong_entries = {0, 1};
  EXPECT_EQ(Run("accounts import -", "# head\na\tx\n\nb\ty\n"), 1);
  EXPECT_THAT(err(), HasSubstr("standard input:2: exists\n"));
  EXPECT_THAT(err(), HasSubstr("standard input:4: exists\n"));
  EXPECT_THAT(err(), HasSubstr("nothing was imported: 2 lines are wrong"));
  EXPECT_EQ(out(), "");
}

TEST_F(CommandLine, SendsNothingOfAFileWithAWrongLine) {
  EXPECT_EQ(Run("accounts import - --json", "a\tx\nb\n"), 1);
  EXPECT_THAT(service_.imported, IsEmpty());
  EXPECT_THAT(err(), HasSubstr("standard input:2: no tab"));
  EXPECT_EQ(json()["problems"][0]["line"], 2);
}

// mailboxes and messages

TEST_F(CommandLine, ShowsWhatMailboxesHold) {
  EXPECT_EQ(Run("mailboxes status a"), 0);
  EXPECT_THAT(out(), HasSubstr("2048 (2.0 KiB)"));
  EXPECT_EQ(Run("mailboxes status a --json"), 0);
  EXPECT_EQ(json()["mailboxes"][0]["message_count"], 3);
}

TEST_F(CommandLine, MakesAMailboxAndSaysWhatItIsFor) {
  EXPECT_EQ(Run("mailboxes create a Lists/Debian"), 0) << err();
  EXPECT_EQ(service_.created_mailbox.address(), "a");
  EXPECT_EQ(service_.created_mailbox.mailbox(), "Lists/Debian");
  EXPECT_THAT(service_.created_mailbox.special_use(), IsEmpty());
  EXPECT_EQ(out(), "a has a mailbox Lists/Debian now.\n");
  for (const char* use : {"Junk", "\\Junk"}) {
    EXPECT_EQ(
        RunArguments({"--json", "mailboxes", "create", "a", "Spam", "--special-use", use}), 0);
    EXPECT_THAT(service_.created_mailbox.special_use(), ElementsAre("\\Junk"));
    EXPECT_EQ(json()["special_use"][0], "\\Junk");
  }
  EXPECT_EQ(Run("mailboxes create a"), 2);
}

TEST_F(CommandLine, ListsAllMessages) {
  service_.messages = 5;
  EXPECT_EQ(Run("messages list a --json"), 0);
  EXPECT_THAT(json()["messages"], SizeIs(5));
  EXPECT_EQ(json()["messages"][4]["uid"], 5);
}

TEST_F(CommandLine, ShowsTheHeaderOfAMessage) {
  service_.messages = 1;
  service_.message = "Subject: one\x1b[31m\r\n\r\nbody\r\n";
  EXPECT_EQ(Run("messages show a 1"), 0);
  EXPECT_THAT(out(), HasSubstr("\n\nSubject: one\\x1b[31m\n\n"));
  EXPECT_THAT(out(), Not(HasSubstr("body")));
}

TEST_F(CommandLine, ShowsAMessageRawToTheOctet) {
  service_.message = std::string("Subject: \xff\0\x1b\r\n\r\nbody\r\n", 20);
  EXPECT_EQ(Run("messages show a 1 --raw"), 0);
  EXPECT_EQ(out(), service_.message);
}

TEST_F(CommandLine, SaysWhenAMessageIsNotThereOrCannotBeRead) {
  service_.messages = 3;
  EXPECT_EQ(Run("messages show a 7"), 1);
  EXPECT_THAT(err(), HasSubstr("UID 7"));
  service_.fetch_fails = true;
  EXPECT_EQ(Run("messages show a 1 --raw"), 1);
  EXPECT_THAT(err(), HasSubstr("torn (CORRUPT)"));
}

// deliver

TEST_F(CommandLine, DeliversAMessageOfAnySize) {
  std::string message = "Subject: large\n\n";
  while (message.size() < 3'000'000) message += "A line of text, and another one after it.\n";
  EXPECT_EQ(Run("deliver - --to a --to b --from s@x", message), 0);
  EXPECT_EQ(service_.delivered, message);
  EXPECT_THAT(service_.envelope.recipients(), ElementsAre("a", "b"));
  EXPECT_EQ(service_.envelope.sender(), "s@x");
  EXPECT_EQ(out(), "a: delivered, UID 1\nb: delivered, UID 2\n");
}

TEST_F(CommandLine, TellsTheMailboxThatGotTheMessage) {
  service_.delivered_to = "Lists";
  EXPECT_EQ(Run("deliver - --to a+lists", "x"), 0);
  EXPECT_EQ(out(), "a+lists: delivered to Lists, UID 1\n");
  EXPECT_EQ(Run("deliver - --to a+lists --json", "x"), 0);
  EXPECT_EQ(json()["results"][0]["mailbox"], "Lists");
}

TEST_F(CommandLine, DeliversAnEmptyMessage) {
  EXPECT_EQ(Run("deliver - --to a", ""), 0);
  EXPECT_EQ(service_.delivered, "");
}

TEST_F(CommandLine, TakesTheFileBeforeOrAfterTheRecipients) {
  EXPECT_EQ(Run("deliver --to a - --to b", "x"), 0);
  EXPECT_THAT(service_.envelope.recipients(), ElementsAre("a", "b"));
  EXPECT_EQ(Run("deliver - --to a b c", "x"), 0);
  EXPECT_THAT(service_.envelope.recipients(), ElementsAre("a", "b", "c"));
}

TEST_F(CommandLine, TellsWhoDidNotGetTheMessage) {
  EXPECT_EQ(Run("deliver - --to a --to nobody", "x"), 1);
  EXPECT_EQ(out(), "a: delivered, UID 1\n");
  EXPECT_THAT(err(), HasSubstr("nobody: no account nobody (NO_SUCH_ACCOUNT)\n"));
  EXPECT_EQ(Run("deliver - --to a --to nobody --json", "x"), 1);
  EXPECT_EQ(json()["results"][0]["delivered"], true);
  EXPECT_EQ(json()["results"][1]["delivered"], false);
}

TEST_F(CommandLine, StopsSendingWhenTheAnswerIsThere) {
  service_.answer_early = true;
  EXPECT_EQ(Run("deliver - --to nobody", std::string(20'000'000, 'x')), 1);
  EXPECT_THAT(err(), HasSubstr("NO_SUCH_ACCOUNT"));
}

TEST_F(CommandLine, NamesAFileThatIsNotThere) {
  EXPECT_EQ(Run("deliver /nonexistent.eml --to a"), 1);
  EXPECT_THAT(err(), HasSubstr("/nonexistent.eml"));
}

// verify and stats

TEST_F(CommandLine, VerifiesASoundStore) {
  service_.notes = 1;
  EXPECT_EQ(Run("verify"), 0);
  EXPECT_THAT(out(), HasSubstr("note   mailbox x: counts differ\n"));
  EXPECT_THAT(out(), HasSubstr("7 messages"));
}

TEST_F(CommandLine, FailsWhenTheStoreHasErrors) {
  service_.errors = 2;
  EXPECT_EQ(Run("verify"), 1);
  EXPECT_THAT(out(), HasSubstr("ERROR  mailbox x: counts differ\n"));
  EXPECT_EQ(Run("verify --json"), 1);
  EXPECT_THAT(json()["findings"], SizeIs(2));
  EXPECT_EQ(json()["summary"]["errors"], 2);
}

TEST_F(CommandLine, ShowsFigures) {
  EXPECT_EQ(Run("stats"), 0);
  EXPECT_THAT(out(), HasSubstr("commits_total     42\n"));
  EXPECT_EQ(Run("stats --json"), 0);
  EXPECT_EQ(json()["values"]["commits_total"], 42);
}

// recover

class Recovery : public CommandLine {
 protected:
  // A store with some commits in its log.
  Recovery() {
    auto engine = engine::RocksEngine::Open(directory_);
    EXPECT_TRUE(engine.ok()) << engine.status();
    for (engine::Version version = 0; version < 50; ++version) {
      const auto committed = SyncWait(Put(engine->get(), version));
      EXPECT_TRUE(committed.ok()) << committed.status();
    }
  }
  ~Recovery() override { std::filesystem::remove_all(directory_); }

  static Task<absl::StatusOr<engine::Version>> Put(engine::Engine* engine,
                                                   engine::Version version) {
    engine::CommitRequest request;
    request.expected = version;
    request.puts.emplace_back("key", std::string(1000, 'x'));
    using Result = absl::StatusOr<engine::Version>;
    auto commit = Await<Result>([engine, &request](Done<Result> done) {
      engine->Commit(std::move(request), std::move(done));
    });
    Result result = co_await commit;
    co_return result;
  }

  void DamageTheLog() {
    for (const auto& file : std::filesystem::directory_iterator(directory_ + "/db")) {
      if (file.path().extension() != ".log" || file.file_size() < 40'000) continue;
      std::fstream log(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      log.seekp(static_cast<std::streamoff>(file.file_size() / 2));
      log.write("damage", 6);
    }
  }

  const std::string directory_ = [] {
    std::string name = testing::TempDir() + "restantectl-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    return name;
  }();
};

TEST_F(Recovery, OfASoundStoreDropsNothing) {
  EXPECT_EQ(Run("recover --yes " + directory_), 0);
  EXPECT_EQ(out(), "The log is sound; nothing was dropped.\n");
}

TEST_F(Recovery, OfADamagedStoreSaysWhatItDropsAndMakesItOpenAgain) {
  DamageTheLog();
  EXPECT_FALSE(engine::RocksEngine::Open(directory_).ok());
  EXPECT_EQ(Run("recover --yes --json " + directory_), 0);
  ASSERT_THAT(json()["dropped"], SizeIs(1));
  EXPECT_GT(json()["dropped"][0]["octets"], 1000);
  EXPECT_TRUE(std::filesystem::exists(json()["dropped"][0]["copy"].get<std::string>()));
  EXPECT_TRUE(engine::RocksEngine::Open(directory_).ok());
}

TEST_F(Recovery, IsRefusedWhileTheStoreIsOpen) {
  const auto engine = engine::RocksEngine::Open(directory_);
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ(Run("recover --yes " + directory_), 1);
  EXPECT_THAT(err(), HasSubstr(directory_));
}

TEST_F(Recovery, IsRefusedWhereThereIsNoStore) {
  EXPECT_EQ(Run("recover --yes /nonexistent"), 1);
  EXPECT_THAT(err(), HasSubstr("/nonexistent"));
}

}  // namespace
}  // namespace restante::ctl
