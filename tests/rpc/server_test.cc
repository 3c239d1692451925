// The server as a whole: where it listens, how it reports its health, how it ends
// and comes back.
#include "storage-service/rpc/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "asio/io_context.hpp"
#include "asio/local/stream_protocol.hpp"
#include "google/protobuf/descriptor.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "restante/v1/accounts.grpc.pb.h"
#include "restante/v1/maildrop.grpc.pb.h"
#include "storage-service/rpc/listen.h"
#include "tests/rpc/fake_store.h"
#include "tests/rpc/server_fixture.h"

namespace restante::rpc {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Account = absl::StatusOr<store::AccountInfo>;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "rpc-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

grpc::Status GetAccount(const std::shared_ptr<grpc::Channel>& channel,
                        bool wait_for_ready = false) {
  Call call;
  call.set_wait_for_ready(wait_for_ready);
  v1::GetAccountResponse response;
  return v1::AccountsService::NewStub(channel)->GetAccount(&call, {}, &response);
}

class ServerTest : public testing::Test {
 protected:
  using HealthStatus = grpc::health::v1::HealthCheckResponse;
  using Question = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Answer = grpc::reflection::v1alpha::ServerReflectionResponse;

  ServerTest() {
    store_.fake_accounts.get = [](const std::string&) {
      return Now<Account>(store::AccountInfo{});
    };
  }

  static grpc::Status Check(RunningServer& server, const std::string& service,
                            HealthStatus* response) {
    Call call;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    return grpc::health::v1::Health::NewStub(server.channel())->Check(&call, request, response);
  }

  // One question to the reflection service.
  static Answer Reflect(RunningServer& server, const Question& question) {
    Call call;
    const auto stub = grpc::reflection::v1alpha::ServerReflection::NewStub(server.channel());
    const auto stream = stub->ServerReflectionInfo(&call);
    stream->Write(question);
    Answer answer;
    EXPECT_TRUE(stream->Read(&answer));
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
    return answer;
  }

  FakeStore store_;
  TemporaryDirectory directory_;
};

TEST_F(ServerTest, ReportsThePortThatItGot) {
  RunningServer server(store_);
  EXPECT_GT(server.server().addresses().front().tcp.port(), 0);
  EXPECT_TRUE(GetAccount(server.channel()).ok());
}

TEST_F(ServerTest, ServesOnAllItsAddresses) {
  ServerOptions options = OnLoopback();
  options.listen.push_back(*ParseListenAddress("[::1]:0"));
  options.listen.push_back(*ParseListenAddress("unix:" + (directory_ / "socket")));
  RunningServer server(store_, options);
  ASSERT_EQ(server.server().addresses().size(), 3u);
  for (const ListenAddress& address : server.server().addresses()) {
    EXPECT_TRUE(GetAccount(OpenChannel(FormatAddress(address))).ok()) << FormatAddress(address);
  }
}

TEST_F(ServerTest, ATakenPortIsAnErrorThatNamesIt) {
  RunningServer first(store_);
  const auto second = Server::Start(store_, OnLoopback(first.address()));
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(first.address()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
}

TEST_F(ServerTest, ASocketThatIsServedIsAnErrorThatNamesIt) {
  const std::string address = "unix:" + (directory_ / "socket");
  RunningServer first(store_, OnLoopback(address));
  const auto second = Server::Start(store_, OnLoopback(address));
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
}

TEST_F(ServerTest, ASocketThatADeadServerLeftIsTakenOver) {
  const std::string path = directory_ / "socket";
  asio::io_context io;
  { asio::local::stream_protocol::acceptor left(io, path); }
  ASSERT_TRUE(std::filesystem::exists(path));
  RunningServer server(store_, OnLoopback("unix:" + path));
  EXPECT_TRUE(GetAccount(server.channel()).ok());
}

TEST_F(ServerTest, AFileInTheWayIsNotTouched) {
  const std::string path = directory_ / "file";
  std::ofstream(path) << "precious";
  EXPECT_FALSE(Server::Start(store_, OnLoopback("unix:" + path)).ok());
  EXPECT_EQ(std::filesystem::file_size(path), 8u);
}

TEST_F(ServerTest, ADirectoryThatIsNotThereIsAnError) {
  const auto server =
      Server::Start(store_, OnLoopback("unix:" + (directory_ / "missing/socket")));
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("missing/socket"));
}

TEST_F(ServerTest, TellsThatItServes) {
  RunningServer server(store_);
  HealthStatus response;
  ASSERT_TRUE(Check(server, "", &response).ok());
  EXPECT_EQ(response.status(), HealthStatus::SERVING);
  ASSERT_TRUE(Check(server, "restante.v1.MaildropService", &response).ok());
  EXPECT_EQ(response.status(), HealthStatus::SERVING);
  EXPECT_EQ(Check(server, "restante.v1.Unknown", &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, TellsItsWatchersThatItShutsDownWhileCallsGoOn) {
  Held<Account> get;
  store_.fake_accounts.get = [&](const std::string&) { return get.Hold(); };
  RunningServer server(store_);
  const auto health = grpc::health::v1::Health::NewStub(server.channel());
  Call call;
  const auto watch = health->Watch(&call, {});
  HealthStatus status;
  ASSERT_TRUE(watch->Read(&status));
  EXPECT_EQ(status.status(), HealthStatus::SERVING);
  std::thread caller([&] { EXPECT_TRUE(GetAccount(server.channel()).ok()); });
  get.AwaitHeld(1);
  std::thread shutdown([&] { server.Shutdown(); });
  ASSERT_TRUE(watch->Read(&status));
  EXPECT_EQ(status.status(), HealthStatus::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&status));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  get.Complete(store::AccountInfo{});
  caller.join();
  shutdown.join();
}

TEST_F(ServerTest, AWatchOfAnUnknownServiceSaysSo) {
  RunningServer server(store_);
  const auto health = grpc::health::v1::Health::NewStub(server.channel());
  Call call;
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("restante.v1.Unknown");
  const auto watch = health->Watch(&call, request);
  HealthStatus status;
  ASSERT_TRUE(watch->Read(&status));
  EXPECT_EQ(status.status(), HealthStatus::SERVICE_UNKNOWN);
  call.TryCancel();
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServerTest, ListsItsServicesByReflection) {
  RunningServer server(store_);
  Question question;
  question.set_list_services("*");
  const Answer answer = Reflect(server, question);
  std::vector<std::string> names;
  for (const auto& service : answer.list_services_response().service()) {
    names.push_back(service.name());
  }
  for (const char* name : {"Accounts", "Admin", "Authenticator", "Delivery", "Mailboxes",
                           "Maildrop", "Messages"}) {
    EXPECT_THAT(names, Contains(std::string("restante.v1.") + name + "Service"));
  }
  EXPECT_THAT(names, Contains("grpc.health.v1.Health"));
  EXPECT_THAT(names, Contains("grpc.reflection.v1alpha.ServerReflection"));
}

TEST_F(ServerTest, DescribesItsContractByReflection) {
  RunningServer server(store_);
  Question by_symbol;
  by_symbol.set_file_containing_symbol("restante.v1.MaildropService");
  Question by_name;
  by_name.set_file_by_filename("restante/v1/maildrop.proto");
  for (const Question& question : {by_symbol, by_name}) {
    const Answer answer = Reflect(server, question);
    std::vector<std::string> files;
    for (const std::string& octets :
         answer.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      ASSERT_TRUE(file.ParseFromString(octets));
      files.push_back(file.name());
    }
    // With all that it imports, each once.
    EXPECT_THAT(files,
                testing::UnorderedElementsAre(
                    "restante/v1/maildrop.proto", "restante/v1/types.proto",
                    "google/rpc/status.proto", "google/protobuf/any.proto",
                    "google/protobuf/duration.proto", "google/protobuf/timestamp.proto"));
  }
}

TEST_F(ServerTest, WhatReflectionDoesNotKnowIsAnError) {
  RunningServer server(store_);
  Question question;
  question.set_file_containing_symbol("restante.v1.Unknown");
  const Answer answer = Reflect(server, question);
  EXPECT_EQ(answer.error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(answer.original_request().file_containing_symbol(), "restante.v1.Unknown");
}

TEST_F(ServerTest, TakesNoMessageBeyondItsLimit) {
  RunningServer server(store_);
  Call call;
  v1::GetAccountRequest request;
  request.set_address(std::string(kMostMessageOctets, 'x'));
  v1::GetAccountResponse response;
  EXPECT_EQ(v1::AccountsService::NewStub(server.channel())
                ->GetAccount(&call, request, &response)
                .error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ServerTest, AChannelFindsItsServerAgain) {
  auto server = std::make_unique<RunningServer>(store_);
  const std::string address = server->address();
  const std::shared_ptr<grpc::Channel> channel = server->channel();
  EXPECT_TRUE(GetAccount(channel).ok());
  server.reset();
  EXPECT_EQ(GetAccount(channel).error_code(), grpc::StatusCode::UNAVAILABLE);
  server = std::make_unique<RunningServer>(store_, OnLoopback(address));
  EXPECT_TRUE(GetAccount(channel, /*wait_for_ready=*/true).ok());
}

TEST_F(ServerTest, ANewServerResumesTheSessionsOfTheOldOnesStreams) {
  std::vector<std::string> resumed;
  store_.fake_maildrops.resume = [&](store::LeaseId, const std::string& token) {
    resumed.push_back(token);
    return Now(absl::OkStatus());
  };
  auto server = std::make_unique<RunningServer>(store_);
  const auto stub = v1::MaildropService::NewStub(server->channel());
  Call first;
  const auto stream = stub->Exchange(&first);
  stream->WaitForInitialMetadata();
  const std::string address = server->address();
  server->Shutdown(absl::Milliseconds(100));
  v1::ExchangeResponse announced;
  while (stream->Read(&announced)) EXPECT_EQ(announced.results_size(), 0);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  server = std::make_unique<RunningServer>(store_, OnLoopback(address));

  Call second;
  second.set_wait_for_ready(true);
  const auto again = stub->Exchange(&second);
  v1::ExchangeRequest request;
  request.add_operations()->mutable_resume()->set_session_token("kept");
  again->Write(request);
  v1::ExchangeResponse response;
  while (response.results().empty()) ASSERT_TRUE(again->Read(&response));
  EXPECT_TRUE(response.results(0).has_resume());
  EXPECT_THAT(resumed, testing::ElementsAre("kept"));
}

TEST_F(ServerTest, ManyStreamsAndTheirEndsCrossAShutdown) {
  store_.fake_maildrops.close = [](const std::string&) { return absl::OkStatus(); };
  RunningServer server(store_);
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      const auto stub = v1::MaildropService::NewStub(OpenChannel(server.address()));
      for (;;) {
        Call call;
        const auto stream = stub->Exchange(&call);
        v1::ExchangeRequest request;
        request.add_operations()->mutable_close()->set_session_token("x");
        v1::ExchangeResponse response;
        if (!stream->Write(request) || !stream->Read(&response)) return;
        stream->WritesDone();
        while (stream->Read(&response)) continue;
        if (!stream->Finish().ok()) return;
      }
    });
  }
  store_.fake_maildrops.leases.Await(100);
  server.Shutdown();
  for (std::thread& client : clients) client.join();
  // Each lease that began has ended.
  const std::vector<std::string> leases = store_.fake_maildrops.leases.events();
  EXPECT_EQ(leases.size() % 2, 0u);
}

TEST(Listen, OnlyLoopbackAndUnixSocketsAreLocal) {
  for (const char* text : {"127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "unix:/x", "localhost:1"}) {
    EXPECT_TRUE(IsLocal(*ParseListenAddress(text))) << text;
  }
  for (const char* text : {"0.0.0.0:1", "*:1", "[::]:1", "192.0.2.1:1"}) {
    EXPECT_FALSE(IsLocal(*ParseListenAddress(text))) << text;
  }
}

}  // namespace
}  // namespace restante::rpc
