// The server over the real store in memory, with a clock of the test's.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "restante/v1/accounts.grpc.pb.h"
#include "restante/v1/admin.grpc.pb.h"
#include "restante/v1/authenticator.grpc.pb.h"
#include "restante/v1/delivery.grpc.pb.h"
#include "restante/v1/mailboxes.grpc.pb.h"
#include "restante/v1/maildrop.grpc.pb.h"
#include "restante/v1/messages.grpc.pb.h"
#include "storage-service/engine/memory_engine.h"
#include "tests/rpc/server_fixture.h"

namespace restante::rpc {

class TestClock final : public store::Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixMicros(now_us_); }
  void Advance(absl::Duration by) { now_us_ += absl::ToInt64Microseconds(by); }

 private:
  std::atomic<int64_t> now_us_{1'700'000'000'000'000};
};

class RealStore : public testing::Test {
 protected:
  RealStore() { Serve(std::make_unique<engine::MemoryEngine>(), OnLoopback()); }
  ~RealStore() override {
    server_.reset();
    store_.reset();
  }

  // The power fails, and the service starts again at the same address.
  void Restart() {
    const std::string address = server_->address();
    std::unique_ptr<engine::MemoryEngine> durable = engine_->Crash();
    server_.reset();
    store_.reset();
    Serve(std::move(durable), OnLoopback(address));
  }

  engine::MemoryEngine& engine() { return *engine_; }
  std::shared_ptr<grpc::Channel> channel() { return server_->channel(); }

  std::unique_ptr<v1::AccountsService::Stub> Accounts() {
    return v1::AccountsService::NewStub(channel());
  }
  std::unique_ptr<v1::AuthenticatorService::Stub> Authenticator() {
    return v1::AuthenticatorService::NewStub(channel());
  }
  std::unique_ptr<v1::DeliveryService::Stub> Delivery() {
    return v1::DeliveryService::NewStub(channel());
  }
  std::unique_ptr<v1::MaildropService::Stub> Maildrop() {
    return v1::MaildropService::NewStub(channel());
  }
  std::unique_ptr<v1::MessagesService::Stub> Messages() {
    return v1::MessagesService::NewStub(channel());
  }
  std::unique_ptr<v1::MailboxesService::Stub> Mailboxes() {
    return v1::MailboxesService::NewStub(channel());
  }
  std::unique_ptr<v1::AdminService::Stub> Admin() {
    return v1::AdminService::NewStub(channel());
  }

  // An account whose password is "secret".
  v1::Account CreateAccount(const std::string& address, uint64_t quota_octets = 0) {
    Call call;
    v1::CreateAccountRequest request;
    request.set_address(address);
    request.mutable_credential()->set_password("secret");
    request.set_quota_octets(quota_octets);
    v1::CreateAccountResponse response;
    const grpc::Status status = Accounts()->CreateAccount(&call, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.account();
  }

  v1::DeliverResponse Deliver(const std::string& recipient, const std::string& message) {
    Call call;
    v1::DeliverRequest request;
    request.mutable_envelope()->add_recipients(recipient);
    request.set_message(message);
    v1::DeliverResponse response;
    const grpc::Status status = Delivery()->Deliver(&call, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  grpc::Status Login(const std::string& address, const std::string& password,
                     v1::LoginResponse* response, uint32_t first_rows = 0) {
    Call call;
    v1::LoginRequest request;
    request.set_address(address);
    request.set_password(password);
    request.set_first_rows(first_rows);
    return Maildrop()->Login(&call, request, response);
  }

  // The token of a session.
  std::string Login(const std::string& address) {
    v1::LoginResponse response;
    const grpc::Status status = Login(address, "secret", &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.session().session_token();
  }

  TestClock clock_;

 private:
  void Serve(std::unique_ptr<engine::MemoryEngine> engine, ServerOptions options) {
    engine_ = engine.get();
    store::StoreOptions store_options;
    store_options.clock = &clock_;
    store_options.reclaim_interval = absl::InfiniteDuration();
    auto store = store::Store::Open(std::move(engine), store_options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    server_.emplace(*store_, std::move(options));
  }

  engine::MemoryEngine* engine_ = nullptr;
  std::unique_ptr<store::Store> store_;
  std::optional<RunningServer> server_;
};

}  // namespace restante::rpc
