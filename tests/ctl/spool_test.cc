// Other servers' directories, as they are read for an import.
#include "storage-service/ctl/spool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/undelete_commands.h"

namespace restante::ctl {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() : root_(fs::temp_directory_path() / absl::StrCat("restante-spool-", getpid())) {
    for (const char* folder : {"cur", "new", "tmp", ".Sent/cur"}) {
      fs::create_directories(root_ / folder);
    }
  }
  ~SpoolTest() override { fs::remove_all(root_); }

  void Write(const std::string& name, const std::string& text, int64_t time = 1'000'000'000) {
    std::ofstream(root_ / name) << text;
    const timespec times[2] = {{time, 0}, {time, 0}};
    utimensat(AT_FDCWD, (root_ / name).c_str(), times, 0);
  }
  std::string path() const { return root_.string(); }

  static std::vector<std::string> Ids(const Spool& spool) {
    std::vector<std::string> ids;
    for (const SpoolMessage& message : spool.messages) ids.push_back(message.id);
    return ids;
  }
  static std::vector<std::string> Uidls(const Spool& spool) {
    std::vector<std::string> uidls;
    for (const SpoolMessage& message : spool.messages) uidls.push_back(message.uidl);
    return uidls;
  }

  const fs::path root_;
};

TEST_F(SpoolTest, AMaildirsMessagesHaveDatesAndFlags) {
  Write("cur/2.host:2,FRS", "x", 1'000'000'002);
  Write("cur/1.host:2,DPT", "x", 1'000'000'001);
  Write("new/3.host", "x", 1'000'000'003);
  Write("cur/.hidden", "x");
  Write("tmp/4.host", "x");
  Write(".Sent/cur/5.host", "x");
  const auto spool = ReadMaildir(path());
  ASSERT_TRUE(spool.ok()) << spool.status();
  EXPECT_THAT(Ids(*spool), ElementsAre("1.host", "2.host", "3.host"));
  EXPECT_THAT(Uidls(*spool), ElementsAre("", "", ""));
  EXPECT_EQ(spool->messages[0].received, absl::FromUnixSeconds(1'000'000'001));
  EXPECT_THAT(spool->messages[0].flags, ElementsAre("\\Draft", "$Forwarded", "\\Deleted"));
  EXPECT_THAT(spool->messages[1].flags, ElementsAre("\\Flagged", "\\Answered", "\\Seen"));
  EXPECT_THAT(spool->messages[2].flags, IsEmpty());
}

TEST_F(SpoolTest, KeywordsAreNamedByDovecotsList) {
  Write("dovecot-keywords", "0 work\n1 $Label1\n");
  Write("cur/1.host:2,Sab", "x");
  EXPECT_THAT(ReadMaildir(path())->messages[0].flags, ElementsAre("\\Seen", "work", "$Label1"));
}

TEST_F(SpoolTest, DovecotsMessagesHaveTheirUidlsInTheOrderOfTheirUids) {
  Write("dovecot-uidlist", "3 V1795462950 N9 Gx\n1 :9.host\n2 Pown :8.host\n3 :gone.host\n");
  Write("cur/8.host:2,S", "x");
  Write("cur/9.host:2,", "x");
  Write("new/7.host", "x");
  auto spool = ReadDovecot(path(), "");
  ASSERT_TRUE(spool.ok()) << spool.status();
  EXPECT_THAT(Ids(*spool), ElementsAre("9.host", "8.host", "7.host"));
  EXPECT_THAT(Uidls(*spool), ElementsAre("000000016b049726", "own", ""));
  EXPECT_THAT(Uidls(*ReadDovecot(path(), "%v.%u")), ElementsAre("1795462950.1", "own", ""));
  EXPECT_THAT(Uidls(*ReadDovecot(path(), "%g")), ElementsAre("9.host", "own", ""));
}

TEST_F(SpoolTest, WithoutTheirListsMessagesHaveNoUidlsAndTheOperatorIsTold) {
  Write("cur/1.host:2,S", "x");
  for (const auto& spool : {ReadDovecot(path(), ""), ReadCourier(path())}) {
    ASSERT_TRUE(spool.ok());
    EXPECT_THAT(Uidls(*spool), ElementsAre(""));
    EXPECT_THAT(spool->notes, ElementsAre(HasSubstr("new UIDLs")));
  }
}

TEST_F(SpoolTest, AListThatCanNotBeReadIsAnError) {
  Write("dovecot-uidlist", "rubbish\n");
  EXPECT_THAT(std::string(ReadDovecot(path(), "").status().message()),
              HasSubstr("dovecot-uidlist: line 1"));
  Write("courierpop3dsizelist", "rubbish\n");
  EXPECT_THAT(std::string(ReadCourier(path()).status().message()),
              HasSubstr("courierpop3dsizelist: line 1"));
}

TEST_F(SpoolTest, CouriersMessagesHaveTheirUidls) {
  Write("courierpop3dsizelist", "/2 5 1700000000\n1.host:2,S 10 3:1700000000\n2.host 10 0:0\n");
  Write("cur/1.host:2,RS", "x", 1'000'000'001);
  Write("cur/2.host", "x", 1'000'000'002);
  Write("new/3.host", "x", 1'000'000'003);
  const auto spool = ReadCourier(path());
  ASSERT_TRUE(spool.ok()) << spool.status();
  EXPECT_THAT(Uidls(*spool), ElementsAre("UID3-1700000000", "2.host", ""));
}

TEST_F(SpoolTest, CyrusMessagesAreTheFilesWithADotBehindTheirUid) {
  Write("10.", "x");
  Write("9.", "x");
  Write("12", "x");
  auto spool = ReadCyrus(path(), "", 1700000000);
  ASSERT_TRUE(spool.ok()) << spool.status();
  EXPECT_THAT(Uidls(*spool), ElementsAre("1700000000.9", "1700000000.10"));
  EXPECT_THAT(Ids(*spool), ElementsAre("1700000000.9", "1700000000.10"));
  EXPECT_THAT(Uidls(*ReadCyrus(path(), "uidonly", 0)), ElementsAre("9", "10"));
  EXPECT_THAT(spool->notes, ElementsAre(HasSubstr("flags"), HasSubstr("isn't there")));
}

// As Cyrus 3.6 writes it, where it has something that is looked at.
std::string CyrusIndex(uint32_t version,
                       const std::vector<std::pair<uint32_t, uint32_t>>& flags) {
  std::string index(160 + 112 * flags.size(), '\0');
  const auto put = [&index](size_t at, uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      index[at++] = static_cast<char>(number >> shift & 0xFF);
    }
  };
  put(8, version);
  put(12, 160);
  put(16, 112);
  put(20, static_cast<uint32_t>(flags.size()));
  for (size_t i = 0; i < flags.size(); ++i) {
    put(160 + 112 * i, flags[i].first);
    put(160 + 112 * i + 32, flags[i].second);
  }
  return index;
}

TEST_F(SpoolTest, CyrusMessagesThatWereExpungedStayBehind) {
  for (const char* name : {"1.", "2.", "3.", "4."}) Write(name, "x");
  constexpr uint32_t kDeleted = 4;
  constexpr uint32_t kExpunged = uint32_t{1} << 31;
  // 4 has come since the index was written.
  Write("cyrus.index", CyrusIndex(17, {{1, 0}, {2, kExpunged | kDeleted}, {3, kDeleted}}));
  const auto spool = ReadCyrus(path(), "uidonly", 0);
  ASSERT_TRUE(spool.ok()) << spool.status();
  EXPECT_THAT(Uidls(*spool), ElementsAre("1", "3", "4"));
  EXPECT_THAT(spool->notes, ElementsAre(HasSubstr("flags")));
}

TEST_F(SpoolTest, AnIndexOfCyrusThatCanNotBeReadIsTold) {
  Write("1.", "x");
  const std::string whole = CyrusIndex(17, {{1, uint32_t{1} << 31}});
  const std::pair<std::string, const char*> indexes[] = {
      {"x", "is no index"},
      {std::string(200, '\0'), "is no index"},
      {whole.substr(0, whole.size() - 1), "is cut off"},
      {whole.substr(0, 100), "is cut off"},
      {CyrusIndex(20, {}), "is of version 20"}};
  for (const auto& [octets, why] : indexes) {
    Write("cyrus.index", octets);
    const auto spool = ReadCyrus(path(), "uidonly", 0);
    ASSERT_TRUE(spool.ok()) << spool.status();
    EXPECT_THAT(Uidls(*spool), ElementsAre("1"));
    EXPECT_THAT(spool->notes, ElementsAre(HasSubstr("flags"), HasSubstr(why)));
  }
}

TEST_F(SpoolTest, CyrusUidlsNeedTheUidvalidity) {
  const absl::Status status = ReadCyrus(path(), "", 0).status();
  EXPECT_EQ(ExitCodeOf(status), kUsage);
  EXPECT_THAT(std::string(status.message()), HasSubstr("mbexamine"));
}

TEST_F(SpoolTest, WhatIsNoMaildirIsRefused) {
  fs::remove_all(root_ / "cur");
  EXPECT_THAT(std::string(ReadMaildir(path()).status().message()),
              HasSubstr("isn't a Maildir"));
  EXPECT_FALSE(ReadCyrus(path() + "/none", "uidonly", 0).ok());
  EXPECT_EQ(ExitCodeOf(ReadDovecot(path(), "%m").status()), kUsage);
}

TEST(ParseSince, TakesPointsInTimeAndHowLongAgo) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(ParseSince("2023-11-14T00:00:00Z", now), absl::FromUnixSeconds(1'699'920'000));
  EXPECT_EQ(ParseSince("2023-11-14T01:00:00+01:00", now), absl::FromUnixSeconds(1'699'920'000));
  EXPECT_EQ(ParseSince("2023-11-14", now), absl::FromUnixSeconds(1'699'920'000));
  EXPECT_EQ(ParseSince("2023-11-14 00:01", now), absl::FromUnixSeconds(1'699'920'060));
  EXPECT_EQ(ParseSince("2h", now), now - absl::Hours(2));
  EXPECT_EQ(ParseSince("yesterday", now), std::nullopt);
  EXPECT_EQ(ParseSince("", now), std::nullopt);
}

}  // namespace
}  // namespace restante::ctl
