// Streams of message bodies: framing, the pace of the client, and calls that end
// before they are over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <thread>

#include "restante/v1/mailboxes.grpc.pb.h"
#include "restante/v1/messages.grpc.pb.h"
#include "tests/rpc/fake_store.h"
#include "tests/rpc/server_fixture.h"

namespace restante::rpc {
namespace {

using Frame = FakeMessages::Frame;
using Pieces = std::vector<store::ReadPiece>;

class Read : public testing::Test {
 protected:
  FakeMessages& messages() { return store_.fake_messages; }

  static v1::ReadRequest Request(int parts) {
    v1::ReadRequest request;
    request.set_session_token("token");
    for (int i = 0; i < parts; ++i) request.add_parts()->set_uid(i + 1);
    return request;
  }

  // Frames in order, then the end of the reading.
  void Answer(std::vector<Pieces> frames) {
    frames_.assign(frames.begin(), frames.end());
    messages().next = [this] {
      Pieces frame;
      if (!frames_.empty()) {
        frame = frames_.front();
        frames_.pop_front();
      }
      return Now<Frame>(std::move(frame));
    };
  }

  FakeStore store_;
  std::deque<Pieces> frames_;
  RunningServer server_{store_};
  std::unique_ptr<v1::MessagesService::Stub> stub_ =
      v1::MessagesService::NewStub(server_.channel());
  Call call_;
};

TEST_F(Read, FramesComeAsTheStoreMadeThem) {
  Answer({{{0, "first", true, {}}, {1, "begin", false, {}}}, {{1, "end", true, {}}}});
  const auto reader = stub_->Read(&call_, Request(2));
  v1::ReadResponse frame;
  ASSERT_TRUE(reader->Read(&frame));
  ASSERT_EQ(frame.pieces_size(), 2);
  EXPECT_EQ(frame.pieces(0).data(), "first");
  EXPECT_TRUE(frame.pieces(0).last());
  EXPECT_EQ(frame.pieces(1).part(), 1u);
  EXPECT_FALSE(frame.pieces(1).last());
  ASSERT_TRUE(reader->Read(&frame));
  ASSERT_EQ(frame.pieces_size(), 1);
  EXPECT_EQ(frame.pieces(0).data(), "end");
  EXPECT_FALSE(reader->Read(&frame));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(Read, AReadingMayEndWithoutItsLastPiece) {
  Answer({{{0, "some", false, {}}}});
  const auto reader = stub_->Read(&call_, Request(1));
  v1::ReadResponse frame;
  EXPECT_TRUE(reader->Read(&frame));
  EXPECT_FALSE(reader->Read(&frame));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(Read, AMessageThatCannotBeReadFailsAlone) {
  Answer({{{0, "", true, MakeError(v1::ERROR_REASON_CORRUPT, "bad checksum")},
           {1, "good", true, {}}}});
  const auto reader = stub_->Read(&call_, Request(2));
  v1::ReadResponse frame;
  ASSERT_TRUE(reader->Read(&frame));
  ASSERT_EQ(frame.pieces_size(), 2);
  EXPECT_EQ(ReasonOf(frame.pieces(0).error()), v1::ERROR_REASON_CORRUPT);
  EXPECT_TRUE(frame.pieces(0).last());
  EXPECT_EQ(frame.pieces(1).data(), "good");
  EXPECT_FALSE(frame.pieces(1).has_error());
  EXPECT_FALSE(reader->Read(&frame));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(Read, ASessionThatIsGoneFailsTheCall) {
  messages().read = [] { return MakeError(v1::ERROR_REASON_LEASE_LOST, "gone"); };
  const auto reader = stub_->Read(&call_, Request(1));
  v1::ReadResponse frame;
  EXPECT_FALSE(reader->Read(&frame));
  EXPECT_EQ(ReasonOf(reader->Finish()), v1::ERROR_REASON_LEASE_LOST);
}

TEST_F(Read, ASessionThatEndsInTheMiddleFailsTheCallAfterItsFrames) {
  int calls = 0;
  messages().next = [&] {
    if (calls++ == 0) return Now<Frame>(Pieces{{0, "some", false, {}}});
    return Now<Frame>(MakeError(v1::ERROR_REASON_LEASE_LOST, "gone"));
  };
  const auto reader = stub_->Read(&call_, Request(1));
  v1::ReadResponse frame;
  EXPECT_TRUE(reader->Read(&frame));
  EXPECT_FALSE(reader->Read(&frame));
  EXPECT_EQ(ReasonOf(reader->Finish()), v1::ERROR_REASON_LEASE_LOST);
}

TEST_F(Read, NoPartsAndTooManyPartsAreRefused) {
  for (const int parts : {0, 1025}) {
    Call call;
    const auto reader = stub_->Read(&call, Request(parts));
    v1::ReadResponse frame;
    EXPECT_FALSE(reader->Read(&frame));
    EXPECT_EQ(ReasonOf(reader->Finish()), v1::ERROR_REASON_INVALID_REQUEST);
  }
}

TEST_F(Read, FetchMessagesSpeaksTheSameWay) {
  Answer({{{0, "whole", true, {}}}});
  const auto mailboxes = v1::MailboxesService::NewStub(server_.channel());
  v1::FetchMessagesRequest request;
  request.set_address("ann");
  request.add_parts()->set_uid(1);
  const auto reader = mailboxes->FetchMessages(&call_, request);
  v1::FetchMessagesResponse frame;
  ASSERT_TRUE(reader->Read(&frame));
  EXPECT_EQ(frame.pieces(0).data(), "whole");
  EXPECT_FALSE(reader->Read(&frame));
  EXPECT_TRUE(reader->Finish().ok());

  Call refused;
  const auto empty = mailboxes->FetchMessages(&refused, v1::FetchMessagesRequest());
  EXPECT_EQ(ReasonOf(empty->Finish()), v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(Read, ASlowClientMakesTheStoreReadSlowly) {
  constexpr int kFrames = 1000;  // 64 MB
  std::atomic<int> read{0};
  messages().next = [&] {
    const int frame = ++read;
    if (frame > kFrames) return Now<Frame>(Pieces{});
    return Now<Frame>(Pieces{{0, std::string(64'000, 'x'), frame == kFrames, {}}});
  };
  const auto reader = stub_->Read(&call_, Request(1));
  v1::ReadResponse frame;
  int taken = 0;
  while (reader->Read(&frame)) {
    // What was read ahead fits the windows of the connection.
    EXPECT_LE(read.load() - taken, 400);
    ++taken;
  }
  EXPECT_EQ(taken, kFrames);
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(Read, ACancelledCallWaitsForTheStore) {
  Held<Frame> held;
  std::atomic<bool> first{true};
  messages().next = [&] {
    if (first.exchange(false)) return held.Hold();
    return Now<Frame>(Pieces{{0, std::string(64'000, 'x'), false, {}}});
  };
  const auto reader = stub_->Read(&call_, Request(1));
  held.AwaitHeld(1);
  call_.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  held.Complete(Pieces{{0, "too late", false, {}}});
  // An endless message: only the cancellation lets the server end.
  server_.Shutdown();
}

TEST_F(Read, ACallCancelledBetweenFramesReadsNoMore) {
  std::atomic<int> read{0};
  messages().next = [&] {
    ++read;
    return Now<Frame>(Pieces{{0, std::string(64'000, 'x'), false, {}}});
  };
  const auto reader = stub_->Read(&call_, Request(1));
  v1::ReadResponse frame;
  ASSERT_TRUE(reader->Read(&frame));
  call_.TryCancel();
  reader->Finish();
  // An endless message: only the cancellation lets the server end.
  server_.Shutdown();
  EXPECT_GT(read.load(), 0);
}

TEST_F(Read, AShutdownLetsAReadingFinish) {
  Held<Frame> next;
  messages().next = [&] { return next.Hold(); };
  const auto reader = stub_->Read(&call_, Request(1));
  next.AwaitHeld(1);
  std::thread shutdown([&] { server_.Shutdown(); });
  next.Complete(Pieces{{0, "whole", true, {}}});
  v1::ReadResponse frame;
  EXPECT_TRUE(reader->Read(&frame));
  EXPECT_TRUE(reader->Finish().ok());
  shutdown.join();
}

}  // namespace
}  // namespace restante::rpc
