#include "storage-service/store/mailbox_records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/errors.h"

namespace restante::store {
namespace {

TEST(MailboxRecords, RowKeysSortAsTheirUids) {
  std::vector<std::string> keys;
  for (const uint32_t uid : {1u, 2u, 255u, 256u, 65536u, 16777216u, 4294967295u}) {
    keys.push_back(RowKey(uid));
    EXPECT_EQ(*ParseRowKey(keys.back()), uid);
  }
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_LT(keys.back(), EndOf(kRowPrefix));
}

TEST(MailboxRecords, ChangeKeysSortByModseqThenUid) {
  const std::string a = ModseqKey(kChangePrefix, 255, 9);
  const std::string b = ModseqKey(kChangePrefix, 256, 1);
  const std::string c = ModseqKey(kChangePrefix, 256, 2);
  EXPECT_LT(a, b);
  EXPECT_LT(b, c);
  EXPECT_EQ(ParseModseqKey(c)->modseq, 256u);
  EXPECT_EQ(ParseModseqKey(c)->uid, 2u);
}

TEST(MailboxRecords, SetModseqChangesNothingButTheModseq) {
  std::string key = ModseqKey(kExpungedPrefix, 0, 77);
  SetModseq(key, 0x0102030405060708);
  EXPECT_EQ(key, ModseqKey(kExpungedPrefix, 0x0102030405060708, 77));
}

TEST(MailboxRecords, AHeadSurvivesItsEncoding) {
  Head head;
  head.owner = Id128::Random();
  head.uidvalidity = 4000000000;
  head.uid_next = 4294967295;
  head.highest_modseq = uint64_t{1} << 62;
  head.message_count = 3;
  head.octets = uint64_t{1} << 40;
  head.low_uid = 7;
  head.last_expunge_modseq = 8;
  head.reclaimed_modseq = 9;
  head.log_floor_modseq = 10;
  head.last_commit_fencing = uint64_t{5} << 32 | 1;
  head.last_commit_deleted = 11;
  head.erasing = true;
  EXPECT_EQ(*DecodeHead(Encode(head)), head);
}

TEST(MailboxRecords, ARowSurvivesItsEncoding) {
  StoredRow row;
  row.modseq = 12;
  row.guid = Id128::Random();
  row.own_uidl = "UID1-1000";
  row.octets = 1234;
  row.header_octets = 34;
  row.internal_date = absl::FromUnixMicros(1'700'000'000'123'456);
  row.save_date = absl::FromUnixMicros(1'700'000'000'123'457);
  row.flags = 1 | 8;
  row.keywords = {"$Label1"};
  row.has_dot_line = true;
  row.body = Id128::Random();
  const StoredRow back = *DecodeRow(Encode(row));
  EXPECT_EQ(Encode(back), Encode(row));
  EXPECT_EQ(back.body, row.body);
  EXPECT_EQ(back.internal_date, row.internal_date);
  const MessageRow message = back.AsMessage(5);
  EXPECT_EQ(message.flags, (std::vector<std::string>{"\\Seen", "\\Deleted", "$Label1"}));
  EXPECT_EQ(message.uidl, "UID1-1000");
}

TEST(MailboxRecords, ADerivedUidlIsLegalAndAlwaysTheSame) {
  const Guid guid = *Id128::FromHex("000102030405060708090a0b0c0d0eff");
  EXPECT_EQ(DerivedUidl(guid), "AAECAwQFBgcICQoLDA0O_w");
  EXPECT_TRUE(IsLegalUidl(DerivedUidl(guid)));
}

TEST(MailboxRecords, AUidlHas1To70PrintableCharacters) {
  EXPECT_FALSE(IsLegalUidl(""));
  EXPECT_TRUE(IsLegalUidl(std::string(70, '~')));
  EXPECT_FALSE(IsLegalUidl(std::string(71, 'a')));
  EXPECT_FALSE(IsLegalUidl("a b"));
  EXPECT_FALSE(IsLegalUidl("caf\xC3\xA9"));
}

TEST(MailboxRecords, WhatCanNotBeDecodedIsCorrupt) {
  EXPECT_EQ(ReasonOf(DecodeHead("\xFF\xFF").status()), v1::ERROR_REASON_CORRUPT);
  EXPECT_EQ(ReasonOf(DecodeHead("").status()), v1::ERROR_REASON_CORRUPT);
  EXPECT_EQ(ReasonOf(DecodeRow("").status()), v1::ERROR_REASON_CORRUPT);
  EXPECT_EQ(ReasonOf(ParseRowKey("r12").status()), v1::ERROR_REASON_CORRUPT);
}

}  // namespace
}  // namespace restante::store
