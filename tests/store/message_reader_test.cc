// Reading parts of messages: frames, TOP, ranges, failures.
#include "storage-service/store/message_reader.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;

class MessageReaderTest : public StoreTest {
 protected:
  struct Reading {
    std::vector<std::string> parts;
    std::vector<absl::Status> errors;
    std::vector<size_t> frames;  // octets of each
  };

  Reading ReadAll(const OpenedMaildrop& session, std::vector<ReadPart> parts) {
    Reading reading;
    reading.parts.resize(parts.size());
    reading.errors.resize(parts.size());
    auto reader = SyncWait(store().messages().Read(session.session_token, parts));
    EXPECT_THAT(reader.status(), IsOk());
    uint32_t expected = 0;
    while (true) {
      auto pieces = SyncWait((*reader)->Next());
      EXPECT_THAT(pieces.status(), IsOk());
      if (pieces->empty()) break;
      size_t octets = 0;
      for (const ReadPiece& piece : *pieces) {
        EXPECT_EQ(piece.part, expected) << "parts come in their order";
        reading.parts[piece.part] += piece.data;
        reading.errors[piece.part] = piece.error;
        octets += piece.data.size();
        if (piece.last) ++expected;
      }
      reading.frames.push_back(octets);
    }
    EXPECT_EQ(expected, parts.size()) << "each part has a last piece";
    return reading;
  }

  void Fill(const std::vector<std::string>& messages) {
    CreateAccount("anna");
    for (const std::string& message : messages) {
      ASSERT_THAT(Deliver("anna", message).status, IsOk());
    }
  }
};

TEST_F(MessageReaderTest, ManySmallMessagesShareAFrame) {
  std::vector<std::string> messages;
  std::vector<ReadPart> parts;
  for (uint32_t i = 1; i <= 100; ++i) {
    messages.push_back(MessageOf(1000, absl::StrCat(i)));
    parts.push_back({i, WholePart{}});
  }
  Fill(messages);
  const Reading reading = ReadAll(Session("anna"), parts);
  EXPECT_EQ(reading.parts, messages);
  EXPECT_LE(reading.frames.size(), 3u);
  for (const size_t octets : reading.frames) EXPECT_LE(octets, 64u * 1024);
}

TEST_F(MessageReaderTest, ALargeMessageComesAFrameAtATime) {
  const std::string message = MessageOf(300'000);
  Fill({message, "small\r\n"});
  const Reading reading =
      ReadAll(Session("anna"), {{2, WholePart{}}, {1, WholePart{}}, {2, WholePart{}}});
  EXPECT_EQ(reading.parts[0], "small\r\n");
  EXPECT_EQ(reading.parts[1], message);
  EXPECT_EQ(reading.parts[2], "small\r\n");
  for (const size_t octets : reading.frames) EXPECT_LE(octets, 64u * 1024);
  EXPECT_GE(reading.frames.size(), 5u);
}

TEST_F(MessageReaderTest, ReadsNoFurtherThanItIsAsked) {
  Fill({MessageOf(10 * 65536)});
  auto reader =
      SyncWait(store().messages().Read(Session("anna").session_token, {{1, WholePart{}}}));
  const size_t before = engine().calls(Call::kReadBody);
  ASSERT_THAT(SyncWait((*reader)->Next()).status(), IsOk());
  EXPECT_EQ(engine().calls(Call::kReadBody), before + 1);
}

TEST_F(MessageReaderTest, TopIsTheHeaderAndSomeLines) {
  const std::string header = "Subject: x\r\nFrom: y\r\n\r\n";
  Fill({header + "1\r\n\r\n3\r\n", "Only: header\r\n", header});
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(*Read(session, {1, TopPart{0}}), header);
  EXPECT_EQ(*Read(session, {1, TopPart{1}}), header + "1\r\n");
  EXPECT_EQ(*Read(session, {1, TopPart{2}}), header + "1\r\n\r\n");
  EXPECT_EQ(*Read(session, {1, TopPart{UINT64_MAX}}), header + "1\r\n\r\n3\r\n");
  EXPECT_EQ(*Read(session, {2, TopPart{5}}), "Only: header\r\n");
  EXPECT_EQ(*Read(session, {3, TopPart{0}}), header);
  EXPECT_EQ(*Read(session, {3, TopPart{7}}), header);
}

TEST_F(MessageReaderTest, TopStopsReadingWhereItsAnswerEnds) {
  Fill({MessageOf(10 * 65536)});
  const OpenedMaildrop session = Session("anna");
  const size_t before = engine().calls(Call::kReadBody);
  EXPECT_EQ(*Read(session, {1, TopPart{2}}), MessageOf(0) +
                                                 "line 0 of a message with nothing to say\r\n"
                                                 "line 1 of a message with nothing to say\r\n");
  EXPECT_EQ(engine().calls(Call::kReadBody), before + 1);
}

TEST_F(MessageReaderTest, TopMayEndInAnyChunk) {
  std::string message = "Subject: x\r\n\r\n";
  std::string line(997, 'x');
  for (int i = 0; i < 300; ++i) absl::StrAppend(&message, line, "\r\n");
  Fill({message});
  const OpenedMaildrop session = Session("anna");
  for (const uint64_t lines : {64u, 65u, 66u, 131u, 299u, 300u, 301u}) {
    EXPECT_EQ(*Read(session, {1, TopPart{lines}}), message.substr(0, 14 + lines * 999));
  }
}

TEST_F(MessageReaderTest, AHeaderMayBeLargerThanAChunk) {
  std::string message;
  while (message.size() < 150'000) message += "X-Header: some value of it\r\n";
  const std::string header = message + "\r\n";
  Fill({header + "body\r\n", message});
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(*Read(session, {1, TopPart{0}}), header);
  EXPECT_EQ(*Read(session, {2, TopPart{0}}), message);
}

TEST_F(MessageReaderTest, RangesAreCutAtTheEndOfTheMessage) {
  const std::string message = MessageOf(200'000);
  Fill({message});
  const OpenedMaildrop session = Session("anna");
  const auto range = [&](uint64_t offset, uint64_t length) {
    return *Read(session, {1, RangePart{offset, length}});
  };
  EXPECT_EQ(range(0, 10), message.substr(0, 10));
  EXPECT_EQ(range(65'530, 20), message.substr(65'530, 20));
  EXPECT_EQ(range(100'000, 0), message.substr(100'000));
  EXPECT_EQ(range(message.size() - 1, 100), "\n");
  EXPECT_EQ(range(message.size(), 100), "");
  EXPECT_EQ(range(UINT64_MAX, UINT64_MAX), "");
}

TEST_F(MessageReaderTest, AMessageThatFailsFailsAlone) {
  Fill({"one\r\n", "two\r\n", "three\r\n"});
  const OpenedMaildrop session = Session("anna");
  engine().FailNth(Call::kReadBody, 2, absl::UnavailableError("disk"));
  const Reading reading = ReadAll(
      session, {{1, WholePart{}}, {2, WholePart{}}, {9, WholePart{}}, {3, WholePart{}}});
  EXPECT_EQ(reading.parts[0], "one\r\n");
  EXPECT_THAT(reading.errors[1], HasReason(v1::ERROR_REASON_STORE_FAILURE));
  EXPECT_THAT(reading.errors[2], HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  EXPECT_EQ(reading.parts[3], "three\r\n");
}

TEST_F(MessageReaderTest, ACorruptBodyIsAnErrorAndNeverWrongOctets) {
  Fill({"one\r\n"});
  engine().FailNext(Call::kReadBody, MakeError(v1::ERROR_REASON_CORRUPT, "checksum"));
  EXPECT_THAT(Read(Session("anna"), 1).status(), HasReason(v1::ERROR_REASON_CORRUPT));
}

TEST_F(MessageReaderTest, ACorruptBodyIsNamedInFull) {
  Fill({});
  const RecipientResult result = Deliver("anna", MessageOf(100'000));
  const OpenedMaildrop session = Session("anna");
  // In the second chunk: the first was right, and was sent.
  engine().FailNth(Call::kReadBody, 2, MakeError(v1::ERROR_REASON_CORRUPT, "checksum"));
  const absl::Status status = Read(session, 1).status();
  EXPECT_THAT(status, HasReason(v1::ERROR_REASON_CORRUPT));
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(
                  testing::HasSubstr(result.guid.ToHex()), testing::HasSubstr("UID 1"),
                  testing::HasSubstr(result.mailbox.ToHex()), testing::HasSubstr("checksum")));
  EXPECT_EQ(ErrorMetadataOf(status),
            (std::map<std::string, std::string>{{"uid", "1"},
                                                {"guid", result.guid.ToHex()},
                                                {"mailbox_id", result.mailbox.ToHex()}}));
}

TEST_F(MessageReaderTest, ABodyThatIsCutShortIsCorruptToo) {
  Fill({});
  const RecipientResult result = Deliver("anna", MessageOf(100'000));
  engine().EraseBody(result.guid, [](absl::Status) {});
  const absl::Status status = Read(Session("anna"), 1).status();
  EXPECT_THAT(status, HasReason(v1::ERROR_REASON_CORRUPT));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("fewer octets"));
}

TEST_F(MessageReaderTest, TheEndOfTheSessionEndsTheReading) {
  Fill({MessageOf(300'000)});
  const OpenedMaildrop session = Session("anna");
  auto reader = SyncWait(store().messages().Read(session.session_token, {{1, WholePart{}}}));
  ASSERT_THAT(SyncWait((*reader)->Next()).status(), IsOk());
  Close(session);
  EXPECT_THAT(SyncWait((*reader)->Next()).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(MessageReaderTest, OneTo1024PartsAreReadAtOnce) {
  Fill({"one\r\n"});
  const OpenedMaildrop session = Session("anna");
  const auto status = [&](size_t parts) {
    return SyncWait(
               store().messages().Read(session.session_token,
                                       std::vector<ReadPart>(parts, ReadPart{1, WholePart{}})))
        .status();
  };
  EXPECT_THAT(status(0), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(status(1024), IsOk());
  EXPECT_THAT(status(1025), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
}

TEST_F(MessageReaderTest, FetchReadsWithoutASession) {
  Fill({"one\r\n"});
  const OpenedMaildrop session = Session("anna");
  auto reader = SyncWait(store().messages().Fetch("anna", "inbox", {{1, WholePart{}}}));
  ASSERT_THAT(reader.status(), IsOk());
  EXPECT_EQ(SyncWait((*reader)->Next())->at(0).data, "one\r\n");
  EXPECT_THAT(SyncWait(store().messages().Fetch("anna", "Trash", {{1, WholePart{}}})).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_THAT(SyncWait(store().messages().Fetch("nobody", "", {{1, WholePart{}}})).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_ACCOUNT));
}

}  // namespace
}  // namespace restante::store
