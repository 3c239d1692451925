// Back-pressure: whatever senders push at a store that has stalled, memory stays within
// its limits, every delivery has an answer, and afterwards all goes on.
#include "storage-service/rpc/delivery_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "restante/v1/admin.grpc.pb.h"
#include "restante/v1/delivery.grpc.pb.h"
#include "tests/rpc/fake_store.h"
#include "tests/rpc/server_fixture.h"

namespace restante::rpc {
namespace {

using Stream = grpc::ClientReaderWriter<v1::DeliverStreamRequest, v1::DeliverStreamResponse>;

// Holds whoever comes until it is opened.
class Gate {
 public:
  Task<absl::Status> Pass() {
    {
      absl::MutexLock lock(&mutex_);
      ++passing_;
    }
    auto open = Await<absl::Status>([this](Done<absl::Status> done) {
      {
        absl::MutexLock lock(&mutex_);
        if (!open_) {
          waiting_.push_back(std::move(done));
          return;
        }
      }
      std::move(done)(absl::OkStatus());
    });
    absl::Status status = co_await open;
    co_return status;
  }
  void Open() {
    std::vector<Done<absl::Status>> waiting;
    {
      absl::MutexLock lock(&mutex_);
      open_ = true;
      waiting.swap(waiting_);
    }
    for (Done<absl::Status>& done : waiting) std::move(done)(absl::OkStatus());
  }
  void AwaitPassing(int count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [this, count] {
      mutex_.AssertReaderHeld();
      return passing_ >= count;
    };
    ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30)));
  }

 private:
  absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int passing_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Done<absl::Status>> waiting_ ABSL_GUARDED_BY(mutex_);
};

// One sender with a stream of its own: pushes messages as fast as they are taken, and
// collects the answers meanwhile.
class Sender {
 public:
  static constexpr size_t kParts = 4;

  Sender(std::shared_ptr<grpc::Channel> channel, std::set<uint64_t> ids,
         std::function<void()> on_refused)
      : ids_(std::move(ids)),
        on_refused_(std::move(on_refused)),
        stub_(v1::DeliveryService::NewStub(channel)),
        stream_(stub_->DeliverStream(&call_)),
        reader_([this] { Read(); }),
        writer_([this] { Write(); }) {}

  // The numbers of those that were refused. Once.
  std::set<uint64_t> Finish() {
    writer_.join();
    reader_.join();
    EXPECT_TRUE(stream_->Finish().ok());
    EXPECT_EQ(taken_ + refused_.size(), ids_.size()) << "each has one answer";
    return refused_;
  }

 private:
  void Write() {
    const std::string data(kMostPartOctets, 'x');
    for (const uint64_t id : ids_) {
      for (size_t i = 0; i < kParts; ++i) {
        v1::DeliverStreamRequest request;
        v1::DeliveryPart* part = request.add_parts();
        part->set_id(id);
        if (i == 0) part->mutable_envelope()->add_recipients("ann");
        part->set_data(data);
        part->set_last(i + 1 == kParts);
        EXPECT_TRUE(stream_->Write(request));
      }
    }
    stream_->WritesDone();
  }
  void Read() {
    v1::DeliverStreamResponse response;
    while (stream_->Read(&response)) {
      for (const v1::DeliveryResult& result : response.results()) {
        if (result.has_delivered()) {
          EXPECT_EQ(result.delivered().results(0).status().code(), 0);
          ++taken_;
          continue;
        }
        const absl::Status status = FromRpcStatus(result.error());
        EXPECT_EQ(restante::ReasonOf(status), v1::ERROR_REASON_OVERLOADED) << status;
        EXPECT_TRUE(RetryAfterOf(status).has_value());
        EXPECT_TRUE(refused_.insert(result.id()).second);
        on_refused_();
      }
    }
  }

  const std::set<uint64_t> ids_;
  const std::function<void()> on_refused_;
  std::set<uint64_t> refused_;
  size_t taken_ = 0;
  Call call_;
  const std::unique_ptr<v1::DeliveryService::Stub> stub_;
  const std::unique_ptr<Stream> stream_;
  std::thread reader_;
  std::thread writer_;
};

class DeliveryLoadTest : public testing::Test {
 protected:
  void Serve(const DeliveryLoad::Limits& limits) {
    ServerOptions options = OnLoopback();
    options.delivery_load = limits;
    server_.emplace(store_, std::move(options));
  }
  double Stat(const std::string& name) {
    Call call;
    v1::GetStatsResponse response;
    const auto stub = v1::AdminService::NewStub(server_->channel());
    EXPECT_TRUE(stub->GetStats(&call, {}, &response).ok());
    return response.values().at(name);
  }
  v1::DeliverResponse Deliver() {
    Call call;
    v1::DeliverRequest request;
    request.mutable_envelope()->add_recipients("ann");
    request.set_message("x\r\n");
    v1::DeliverResponse response;
    const auto stub = v1::DeliveryService::NewStub(server_->channel());
    EXPECT_TRUE(stub->Deliver(&call, request, &response).ok());
    return response;
  }

  FakeStore store_;
  std::optional<RunningServer> server_;
};

TEST_F(DeliveryLoadTest, AStalledStoreIsSurvivedByEverybody) {
  constexpr size_t kOctets = size_t{4} << 20;
  constexpr size_t kSenders = 8;
  Serve({1000, kOctets, 100});
  Gate gate;
  store_.fake_deliveries.append = [&gate](const std::string&, const std::string&) {
    return gate.Pass();
  };
  std::atomic<int> refused{0};
  std::vector<std::unique_ptr<Sender>> senders;
  for (size_t i = 0; i < kSenders; ++i) {
    std::set<uint64_t> ids;
    for (uint64_t id = 1; id <= 8; ++id) ids.insert(id);
    // 64 MiB in all, 16 times what is allowed.
    senders.push_back(
        std::make_unique<Sender>(server_->channel(), ids, [&refused] { ++refused; }));
  }
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (Stat("delivery_octets") < kOctets) ASSERT_LT(absl::Now(), deadline);
  // Streams aren't read on, and what is new has an answer at once.
  EXPECT_EQ(ReasonOf(Deliver().results(0).status()), v1::ERROR_REASON_OVERLOADED);
  EXPECT_LE(Stat("delivery_octets"), 2 * kOctets + kSenders * kMostPartOctets);
  gate.Open();
  std::vector<std::set<uint64_t>> again;
  for (const auto& sender : senders) again.push_back(sender->Finish());
  senders.clear();
  EXPECT_EQ(Stat("delivery_octets"), 0);
  EXPECT_EQ(Stat("deliveries_under_way"), 0);
  EXPECT_EQ(Stat("deliveries_refused_total"), refused + 1);

  // Whoever was refused comes back, one after the other, and is taken.
  for (const std::set<uint64_t>& ids : again) {
    for (const uint64_t id : ids) {
      Sender sender(server_->channel(), {id}, [] {});
      EXPECT_TRUE(sender.Finish().empty());
    }
  }
}

TEST_F(DeliveryLoadTest, OneDeliveryTooManyIsRefusedAndTheOthersGoOn) {
  Serve({2, size_t{1} << 30, 100});
  Gate gate;
  store_.fake_deliveries.append = [&gate](const std::string&, const std::string&) {
    return gate.Pass();
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([this] { EXPECT_EQ(Deliver().results(0).status().code(), 0); });
  }
  gate.AwaitPassing(2);
  const absl::Status refused = FromRpcStatus(Deliver().results(0).status());
  EXPECT_EQ(restante::ReasonOf(refused), v1::ERROR_REASON_OVERLOADED);
  EXPECT_EQ(RetryAfterOf(refused), absl::Seconds(1));
  gate.Open();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(Deliver().results(0).status().code(), 0);
}

TEST_F(DeliveryLoadTest, OneStreamTooManyIsToldToComeBack) {
  Serve({1000, size_t{1} << 30, 1});
  const auto stub = v1::DeliveryService::NewStub(server_->channel());
  Call first_call;
  const auto first = stub->DeliverStream(&first_call);
  v1::DeliverStreamRequest question;
  question.add_parts()->mutable_check()->add_recipients("ann");
  v1::DeliverStreamResponse response;
  ASSERT_TRUE(first->Write(question));
  ASSERT_TRUE(first->Read(&response));
  {
    Call call;
    const auto second = stub->DeliverStream(&call);
    EXPECT_FALSE(second->Read(&response));
    const absl::Status refused = FromGrpcStatus(second->Finish());
    EXPECT_EQ(restante::ReasonOf(refused), v1::ERROR_REASON_OVERLOADED) << refused;
    EXPECT_TRUE(RetryAfterOf(refused).has_value());
  }
  ASSERT_TRUE(first->Write(question)) << "the first one isn't concerned";
  ASSERT_TRUE(first->Read(&response));
  first->WritesDone();
  EXPECT_TRUE(first->Finish().ok());
}

TEST(DeliveryLoad, CountsWhatTheStoreHoldsUpToItsBound) {
  DeliveryLoad load({10, 1'000'000, 10});
  {
    absl::StatusOr<DeliveryLoad::Slot> slot = load.Begin();
    ASSERT_TRUE(slot.ok());
    slot->Hold(1000);
    EXPECT_EQ(load.Values()["delivery_octets"], 1000);
    slot->Hold(10'000'000);
    EXPECT_EQ(load.Values()["delivery_octets"], DeliveryLoad::kMostHeldOctets);
    DeliveryLoad::Slot moved = *std::move(slot);
    EXPECT_EQ(load.Values()["deliveries_under_way"], 1);
  }
  EXPECT_EQ(load.Values()["delivery_octets"], 0);
  EXPECT_EQ(load.Values()["deliveries_under_way"], 0);
}

TEST(DeliveryLoad, LetsWhatHasBegunGoOnUpToTwiceTheLimit) {
  DeliveryLoad load({10, 1000, 10});
  load.Add(1000);
  EXPECT_EQ(restante::ReasonOf(load.Begin().status()), v1::ERROR_REASON_OVERLOADED);
  EXPECT_TRUE(load.CheckContinue().ok());
  load.Add(1000);
  EXPECT_EQ(restante::ReasonOf(load.CheckContinue()), v1::ERROR_REASON_OVERLOADED);
  load.Remove(2000);
  EXPECT_TRUE(load.Begin().ok());
}

}  // namespace
}  // namespace restante::rpc
