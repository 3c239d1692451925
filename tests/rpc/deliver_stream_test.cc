// DeliverStream: parts of many deliveries in any mixture, well-formed or not, over a
// store whose answers come when the test says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "restante/v1/delivery.grpc.pb.h"
#include "tests/rpc/fake_store.h"
#include "tests/rpc/server_fixture.h"

namespace restante::rpc {
namespace {

using ::testing::ElementsAre;
using Stream = grpc::ClientReaderWriter<v1::DeliverStreamRequest, v1::DeliverStreamResponse>;

v1::DeliveryPart Begin(uint64_t id, const std::string& sender, const std::string& data = "") {
  v1::DeliveryPart part;
  part.set_id(id);
  part.mutable_envelope()->set_sender(sender);
  part.mutable_envelope()->add_recipients("ann@example.org");
  part.set_data(data);
  return part;
}

v1::DeliveryPart Data(uint64_t id, const std::string& data) {
  v1::DeliveryPart part;
  part.set_id(id);
  part.set_data(data);
  return part;
}

v1::DeliveryPart Last(v1::DeliveryPart part) {
  part.set_last(true);
  return part;
}

v1::DeliveryPart Abort(uint64_t id) {
  v1::DeliveryPart part;
  part.set_id(id);
  part.set_abort(true);
  return part;
}

v1::DeliveryPart Check(uint64_t id, const std::vector<std::string>& recipients) {
  v1::DeliveryPart part;
  part.set_id(id);
  part.mutable_check();
  for (const std::string& recipient : recipients) {
    part.mutable_check()->add_recipients(recipient);
  }
  return part;
}

class DeliverStreamTest : public testing::Test {
 protected:
  explicit DeliverStreamTest(DeliveryLimits limits = {})
      : server_(store_, WithLimits(limits)),
        stub_(v1::DeliveryService::NewStub(server_.channel())),
        stream_(stub_->DeliverStream(&call_)) {}

  static ServerOptions WithLimits(DeliveryLimits limits) {
    ServerOptions options = OnLoopback();
    options.delivery = limits;
    return options;
  }

  FakeDeliveries& deliveries() { return store_.fake_deliveries; }

  void Send(const std::vector<v1::DeliveryPart>& parts) {
    v1::DeliverStreamRequest request;
    for (const v1::DeliveryPart& part : parts) *request.add_parts() = part;
    EXPECT_TRUE(stream_->Write(request));
  }

  // The next result, whichever message brings it.
  v1::DeliveryResult Next() {
    while (next_ >= response_.results_size()) {
      next_ = 0;
      if (!stream_->Read(&response_)) {
        ADD_FAILURE() << "the stream has ended";
        return {};
      }
    }
    return response_.results(next_++);
  }

  FakeStore store_;
  RunningServer server_;
  std::unique_ptr<v1::DeliveryService::Stub> stub_;
  Call call_;
  std::unique_ptr<Stream> stream_;
  v1::DeliverStreamResponse response_;
  int next_ = 0;
};

TEST_F(DeliverStreamTest, ASmallMessageTravelsInOnePart) {
  deliveries().finish = [](const std::string&) {
    store::RecipientResult stored{.uidvalidity = 3, .uid = 12};
    stored.mailbox.octets.fill(0xab);
    stored.guid.octets.fill(0xcd);
    return Now(std::vector<store::RecipientResult>{stored});
  };
  Send({Last(Begin(7, "ann", "Hello\r\n"))});
  const v1::DeliveryResult result = Next();
  EXPECT_EQ(result.id(), 7u);
  ASSERT_EQ(result.delivered().results_size(), 1);
  const v1::RecipientResult& stored = result.delivered().results(0);
  EXPECT_EQ(stored.status().code(), 0);
  EXPECT_EQ(stored.mailbox_id(), "abababababababababababababababab");
  EXPECT_EQ(stored.guid(), "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd");
  EXPECT_EQ(stored.uidvalidity(), 3u);
  EXPECT_EQ(stored.uid(), 12u);
  EXPECT_THAT(deliveries().journal.events(),
              ElementsAre("begin ann", "append ann 7", "finish ann"));
}

TEST_F(DeliverStreamTest, AnEmptyMessageIsNothingButItsEnvelope) {
  Send({Last(Begin(1, "ann"))});
  EXPECT_TRUE(Next().has_delivered());
  EXPECT_THAT(deliveries().journal.events(), ElementsAre("begin ann", "finish ann"));
}

TEST_F(DeliverStreamTest, PartsOfDifferentDeliveriesMayAlternate) {
  std::map<std::string, std::string> bodies;
  deliveries().append = [&](const std::string& sender, const std::string& data) {
    bodies[sender] += data;
    return Now(absl::OkStatus());
  };
  Send({Begin(1, "a", "1"), Begin(2, "b", "x")});
  Send({Data(2, "y"), Data(1, "2"), Last(Data(2, "z"))});
  EXPECT_EQ(Next().id(), 2u);
  Send({Last(Data(1, "3"))});
  EXPECT_EQ(Next().id(), 1u);
  EXPECT_EQ(bodies["a"], "123");
  EXPECT_EQ(bodies["b"], "xyz");
}

TEST_F(DeliverStreamTest, AppendsOfOneDeliveryFollowOneAnother) {
  Held<absl::Status> append;
  deliveries().append = [&](const std::string&, const std::string&) { return append.Hold(); };
  Send({Begin(1, "a", "1"), Data(1, "22"), Last(Data(1, "333"))});
  append.AwaitHeld(1);
  EXPECT_THAT(deliveries().journal.events(), ElementsAre("begin a", "append a 1"));
  append.Complete(absl::OkStatus());
  append.Complete(absl::OkStatus());
  append.Complete(absl::OkStatus());
  EXPECT_EQ(Next().id(), 1u);
  EXPECT_THAT(deliveries().journal.events(),
              ElementsAre("begin a", "append a 1", "append a 2", "append a 3", "finish a"));
}

TEST_F(DeliverStreamTest, ANumberIsFreeAgainAfterItsResult) {
  Send({Last(Begin(1, "a"))});
  EXPECT_TRUE(Next().has_delivered());
  Send({Last(Begin(1, "b"))});
  EXPECT_TRUE(Next().has_delivered());
}

TEST_F(DeliverStreamTest, ResultsPerRecipientKeepTheirReasons) {
  deliveries().finish = [](const std::string&) {
    return Now(std::vector<store::RecipientResult>{
        {.uid = 1},
        {.status = MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, "unknown")},
        {.status = MakeError(v1::ERROR_REASON_OVER_QUOTA, "full")}});
  };
  Send({Last(Begin(1, "a"))});
  const v1::DeliveryResult result = Next();
  ASSERT_EQ(result.delivered().results_size(), 3);
  EXPECT_EQ(result.delivered().results(0).status().code(), 0);
  EXPECT_EQ(ReasonOf(result.delivered().results(1).status()), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(result.delivered().results(2).status()), v1::ERROR_REASON_OVER_QUOTA);
}

TEST_F(DeliverStreamTest, AQuestionIsAnsweredUnderItsNumber) {
  deliveries().check = [](const std::vector<std::string>& recipients) {
    EXPECT_THAT(recipients, ElementsAre("ann", "nobody"));
    return Now(std::vector<store::RecipientCheck>{
        {}, {.status = MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, "unknown")}});
  };
  Send({Check(9, {"ann", "nobody"})});
  const v1::DeliveryResult result = Next();
  EXPECT_EQ(result.id(), 9u);
  ASSERT_EQ(result.checked().statuses_size(), 2);
  EXPECT_EQ(result.checked().statuses(0).code(), 0);
  EXPECT_EQ(ReasonOf(result.checked().statuses(1)), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
}

TEST_F(DeliverStreamTest, AQuestionForTooManyRecipientsIsRefused) {
  Send({Check(9, std::vector<std::string>(1001, "ann"))});
  EXPECT_EQ(ReasonOf(Next().error()), v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(DeliverStreamTest, AnAbortLeavesNoResult) {
  Send({Begin(1, "a", "data"), Abort(1), Last(Begin(2, "b"))});
  EXPECT_EQ(Next().id(), 2u);
  const auto events = deliveries().journal.events();
  EXPECT_THAT(events, testing::Contains("drop a"));
  EXPECT_THAT(events, testing::Not(testing::Contains("finish a")));
  // The number can be used again.
  Send({Last(Begin(1, "c"))});
  EXPECT_EQ(Next().id(), 1u);
}

TEST_F(DeliverStreamTest, AnAbortWaitsForTheStoreBeforeItDropsTheDelivery) {
  Held<absl::Status> append;
  deliveries().append = [&](const std::string&, const std::string&) { return append.Hold(); };
  Send({Begin(1, "a", "data"), Data(1, "more")});
  append.AwaitHeld(1);
  Send({Abort(1), Last(Begin(2, "b"))});
  EXPECT_EQ(Next().id(), 2u);
  EXPECT_THAT(deliveries().journal.events(), testing::Not(testing::Contains("drop a")));
  append.Complete(absl::OkStatus());
  EXPECT_THAT(deliveries().journal.Await(5), testing::Contains("drop a"));
}

TEST_F(DeliverStreamTest, AnAbortOfNothingIsNoError) {
  Send({Abort(1), Last(Begin(2, "b"))});
  EXPECT_EQ(Next().id(), 2u);
}

TEST_F(DeliverStreamTest, AFirstPartNeedsAnEnvelope) {
  Send({Data(1, "data"), Data(1, "more"), Last(Data(1, "end")), Last(Begin(2, "b"))});
  const v1::DeliveryResult result = Next();
  EXPECT_EQ(result.id(), 1u);
  EXPECT_EQ(ReasonOf(result.error()), v1::ERROR_REASON_INVALID_REQUEST);
  // One error for all the parts.
  EXPECT_EQ(Next().id(), 2u);
}

TEST_F(DeliverStreamTest, ASecondEnvelopeFailsTheDelivery) {
  Send({Begin(1, "a", "data"), Begin(1, "b", "data"), Last(Data(1, "end")),
        Last(Begin(2, "c"))});
  const v1::DeliveryResult result = Next();
  EXPECT_EQ(result.id(), 1u);
  EXPECT_EQ(ReasonOf(result.error()), v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_EQ(Next().id(), 2u);
  EXPECT_THAT(deliveries().journal.events(), testing::Not(testing::Contains("finish a")));
}

TEST_F(DeliverStreamTest, WhatFollowsTheLastPartIsRefusedAndTheDeliveryIsStored) {
  Held<std::vector<store::RecipientResult>> finish;
  deliveries().finish = [&](const std::string&) { return finish.Hold(); };
  Send({Last(Begin(1, "a", "data")), Data(1, "more")});
  v1::DeliveryResult refused = Next();
  EXPECT_EQ(refused.id(), 1u);
  EXPECT_EQ(ReasonOf(refused.error()), v1::ERROR_REASON_INVALID_REQUEST);
  finish.Complete({{.uid = 5}});
  const v1::DeliveryResult stored = Next();
  EXPECT_EQ(stored.id(), 1u);
  EXPECT_EQ(stored.delivered().results(0).uid(), 5u);
}

TEST_F(DeliverStreamTest, AnEnvelopeUnderANumberThatIsInUseIsRefused) {
  Held<std::vector<store::RecipientResult>> finish;
  deliveries().finish = [&](const std::string&) { return finish.Hold(); };
  Send({Last(Begin(1, "a")), Last(Begin(1, "b"))});
  EXPECT_EQ(ReasonOf(Next().error()), v1::ERROR_REASON_INVALID_REQUEST);
  finish.Complete({{.uid = 5}});
  EXPECT_TRUE(Next().has_delivered());
  EXPECT_THAT(deliveries().journal.events(), testing::Not(testing::Contains("begin b")));
}

TEST_F(DeliverStreamTest, AnOversizePartFailsItsDeliveryOnly) {
  Send({Begin(1, "a", "data"), Begin(2, "b", "data"), Data(1, std::string(262'145, 'x')),
        Last(Data(2, std::string(262'144, 'x')))});
  v1::DeliveryResult result = Next();
  EXPECT_EQ(result.id(), 1u);
  EXPECT_EQ(ReasonOf(result.error()), v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_EQ(Next().id(), 2u);
}

TEST_F(DeliverStreamTest, AQuestionComesAlone) {
  v1::DeliveryPart part = Check(1, {"ann"});
  part.mutable_envelope();
  Send({part});
  EXPECT_EQ(ReasonOf(Next().error()), v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(DeliverStreamTest, AnEnvelopeThatTheStoreRefusesIsAnError) {
  deliveries().begin = [](const std::string&) {
    return Now(MakeError(v1::ERROR_REASON_INVALID_REQUEST, "no recipients"));
  };
  Send({Begin(1, "a", "data")});
  EXPECT_EQ(ReasonOf(Next().error()), v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(DeliverStreamTest, AFailureOfTheMessageIsAnsweredEarlyAndTheRestIsDropped) {
  deliveries().append = [](const std::string&, const std::string& data) {
    return Now(data == "too much" ? MakeError(v1::ERROR_REASON_TOO_LARGE, "too large")
                                  : absl::OkStatus());
  };
  Send({Begin(1, "a", "too much")});
  const v1::DeliveryResult result = Next();
  EXPECT_EQ(result.id(), 1u);
  EXPECT_EQ(ReasonOf(result.error()), v1::ERROR_REASON_TOO_LARGE);
  // The sender had these under way; no second result comes of them.
  Send({Data(1, "more"), Data(1, "more"), Last(Data(1, "end"))});
  Send({Last(Begin(1, "b"))});
  EXPECT_TRUE(Next().has_delivered());
}

TEST_F(DeliverStreamTest, AFailureOfTheStoreStandsAtEachRecipient) {
  deliveries().append = [](const std::string&, const std::string&) {
    return Now(MakeError(v1::ERROR_REASON_STORE_FULL, "no room"));
  };
  v1::DeliveryPart part = Last(Begin(1, "a", "data"));
  part.mutable_envelope()->add_recipients("bob@example.org");
  Send({part});
  const v1::DeliveryResult result = Next();
  ASSERT_EQ(result.delivered().results_size(), 2);
  EXPECT_EQ(ReasonOf(result.delivered().results(0).status()), v1::ERROR_REASON_STORE_FULL);
  EXPECT_EQ(ReasonOf(result.delivered().results(1).status()), v1::ERROR_REASON_STORE_FULL);
}

TEST_F(DeliverStreamTest, ResultsThatComeWhileAWriteIsUnderWayAreGathered) {
  Held<std::vector<store::RecipientResult>> finish;
  deliveries().finish = [&](const std::string&) { return finish.Hold(); };
  std::vector<v1::DeliveryPart> parts;
  for (uint64_t id = 1; id <= 200; ++id) parts.push_back(Last(Begin(id, "a")));
  Send(parts);
  finish.AwaitHeld(200);
  for (int i = 0; i < 200; ++i) finish.Complete({{.uid = 1}});
  std::set<uint64_t> ids;
  for (int i = 0; i < 200; ++i) ids.insert(Next().id());
  EXPECT_EQ(ids.size(), 200u);
}

TEST_F(DeliverStreamTest, TheEndOfTheClientsSideFinishesWhatIsCompleteAndDropsTheRest) {
  Held<std::vector<store::RecipientResult>> finish;
  deliveries().finish = [&](const std::string&) { return finish.Hold(); };
  Send({Begin(1, "half", "data"), Last(Begin(2, "whole"))});
  stream_->WritesDone();
  finish.Complete({{.uid = 1}});
  EXPECT_EQ(Next().id(), 2u);
  EXPECT_TRUE(stream_->Finish().ok());
  EXPECT_THAT(deliveries().journal.Await(5), testing::Contains("drop half"));
}

TEST_F(DeliverStreamTest, ABrokenStreamDropsWhatIsIncomplete) {
  Held<absl::Status> append;
  deliveries().append = [&](const std::string& sender, const std::string&) {
    return sender == "slow" ? append.Hold() : Now(absl::OkStatus());
  };
  Send({Begin(1, "idle", "data"), Begin(2, "slow", "data")});
  append.AwaitHeld(1);
  call_.TryCancel();
  EXPECT_THAT(deliveries().journal.Await(5), testing::Contains("drop idle"));
  append.Complete(absl::OkStatus());
  EXPECT_THAT(deliveries().journal.Await(6), testing::Contains("drop slow"));
  stream_->Finish();
}

TEST_F(DeliverStreamTest, AShutdownAnswersCompleteDeliveriesAndEndsTheStream) {
  Held<std::vector<store::RecipientResult>> finish;
  deliveries().finish = [&](const std::string&) { return finish.Hold(); };
  Send({Last(Begin(1, "a"))});
  finish.AwaitHeld(1);
  std::thread shutdown([&] { server_.Shutdown(); });
  finish.Complete({{.uid = 1}});
  EXPECT_EQ(Next().id(), 1u);
  EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  shutdown.join();
}

TEST_F(DeliverStreamTest, NoMixtureOfPartsBreaksTheStream) {
  std::mt19937 random(20261123);
  deliveries().append = [](const std::string&, const std::string& data) {
    return Now(data == "bad" ? MakeError(v1::ERROR_REASON_TOO_LARGE, "too large")
                             : absl::OkStatus());
  };
  std::thread reader([&] {
    while (stream_->Read(&response_)) {
      for (const v1::DeliveryResult& result : response_.results()) {
        EXPECT_NE(result.result_case(), v1::DeliveryResult::RESULT_NOT_SET);
      }
    }
  });
  const auto one_in = [&](int n) { return random() % n == 0; };
  for (int message = 0; message < 500; ++message) {
    std::vector<v1::DeliveryPart> parts;
    for (int i = 0; i < 10; ++i) {
      v1::DeliveryPart part = Data(random() % 4, one_in(8) ? "bad" : "data");
      if (one_in(3)) part.mutable_envelope()->add_recipients("ann");
      if (one_in(4)) part.set_last(true);
      if (one_in(10)) part.set_abort(true);
      if (one_in(10)) part.mutable_check()->add_recipients("ann");
      if (one_in(50)) part.set_data(std::string(300'000, 'x'));
      parts.push_back(part);
    }
    Send(parts);
  }
  stream_->WritesDone();
  reader.join();
  EXPECT_TRUE(stream_->Finish().ok());
}

class BoundedDeliverStream : public DeliverStreamTest {
 protected:
  BoundedDeliverStream()
      : DeliverStreamTest({.most_waiting_octets = 1 << 20, .most_deliveries = 3}) {}
};

TEST_F(BoundedDeliverStream, NoMoreThanTheBoundWaitsForTheStore) {
  Held<absl::Status> append;
  std::atomic<size_t> appended{0};
  deliveries().append = [&](const std::string&, const std::string& data) {
    appended += data.size();
    return append.Hold();
  };
  constexpr size_t kPart = 128 << 10;
  constexpr int kParts = 256;  // 32 MiB
  std::atomic<size_t> sent{0};
  std::thread sender([&] {
    Send({Begin(1, "a")});
    for (int i = 0; i < kParts; ++i) {
      Send({Data(1, std::string(kPart, 'x'))});
      sent += kPart;
    }
    Send({Last(Data(1, ""))});
  });
  // What was sent ahead of the store fits the bound and the windows of the
  // connection, which gRPC lets grow up to 8 MiB.
  for (int i = 0; i < kParts; ++i) {
    append.AwaitHeld(1);
    EXPECT_LE(sent.load(), appended.load() + (size_t{16} << 20));
    append.Complete(absl::OkStatus());
  }
  EXPECT_TRUE(Next().has_delivered());
  sender.join();
  EXPECT_EQ(appended.load(), kPart * kParts);
}

TEST_F(BoundedDeliverStream, TooManyDeliveriesAtOnceAreRefusedForNow) {
  Send({Begin(1, "a"), Begin(2, "b"), Begin(3, "c"), Last(Begin(4, "d"))});
  const v1::DeliveryResult refused = Next();
  EXPECT_EQ(refused.id(), 4u);
  EXPECT_EQ(ReasonOf(refused.error()), v1::ERROR_REASON_OVERLOADED);
  EXPECT_TRUE(RetryAfterOf(FromRpcStatus(refused.error())).has_value());
  Send({Last(Data(1, "end"))});
  EXPECT_EQ(Next().id(), 1u);
  Send({Last(Begin(4, "d"))});
  EXPECT_TRUE(Next().has_delivered());
}

}  // namespace
}  // namespace restante::rpc
