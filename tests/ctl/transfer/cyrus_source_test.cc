// Directories of Cyrus', as they are read for an import.
#include "storage-service/ctl/transfer/cyrus_source.h"

#include "storage-service/ctl/exit_codes.h"
#include "tests/ctl/transfer/source_fixture.h"

namespace restante::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CyrusSourceTest : public SourceTest {
 protected:
  std::unique_ptr<MailSource> Open(const std::string& format, uint32_t uidvalidity) {
    auto source = OpenCyrus(path(), format, uidvalidity);
    EXPECT_TRUE(source.ok()) << source.status();
    return *std::move(source);
  }
};

TEST_F(CyrusSourceTest, CyrusMessagesAreTheFilesWithADotBehindTheirUid) {
  Write("10.", "x");
  Write("9.", "x");
  Write("12", "x");
  const auto source = Open("", 1700000000);
  const auto messages = List(*source);
  EXPECT_THAT(Uidls(messages), ElementsAre("1700000000.9", "1700000000.10"));
  EXPECT_THAT(Ids(messages), ElementsAre("1700000000.9", "1700000000.10"));
  EXPECT_THAT(Uidls(List(*Open("uidonly", 0))), ElementsAre("9", "10"));
  EXPECT_THAT(source->TakeNotes(), ElementsAre(HasSubstr("flags"), HasSubstr("isn't there")));
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

TEST_F(CyrusSourceTest, CyrusMessagesThatWereExpungedStayBehind) {
  for (const char* name : {"1.", "2.", "3.", "4."}) Write(name, "x");
  constexpr uint32_t kDeleted = 4;
  constexpr uint32_t kExpunged = uint32_t{1} << 31;
  // 4 has come since the index was written.
  Write("cyrus.index", CyrusIndex(17, {{1, 0}, {2, kExpunged | kDeleted}, {3, kDeleted}}));
  const auto source = Open("uidonly", 0);
  const auto messages = List(*source);
  EXPECT_THAT(Uidls(messages), ElementsAre("1", "3", "4"));
  EXPECT_THAT(source->TakeNotes(), ElementsAre(HasSubstr("flags")));
}

TEST_F(CyrusSourceTest, AnIndexOfCyrusThatCanNotBeReadIsTold) {
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
    const auto source = Open("uidonly", 0);
    const auto messages = List(*source);
    EXPECT_THAT(Uidls(messages), ElementsAre("1"));
    EXPECT_THAT(source->TakeNotes(), ElementsAre(HasSubstr("flags"), HasSubstr(why)));
  }
}

TEST_F(CyrusSourceTest, CyrusUidlsNeedTheUidvalidity) {
  const absl::Status status = OpenCyrus(path(), "", 0).status();
  EXPECT_EQ(ExitCodeOf(status), kUsage);
  EXPECT_THAT(std::string(status.message()), HasSubstr("mbexamine"));
}

TEST_F(CyrusSourceTest, WhatIsNoDirectoryIsRefused) {
  EXPECT_FALSE(OpenCyrus(path() + "/none", "uidonly", 0).ok());
}

}  // namespace
}  // namespace restante::ctl
