// Unary calls, the import and the verification, where the store takes its time or
// the client loses patience.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "restante/v1/accounts.grpc.pb.h"
#include "restante/v1/admin.grpc.pb.h"
#include "restante/v1/maildrop.grpc.pb.h"
#include "tests/rpc/fake_store.h"
#include "tests/rpc/server_fixture.h"

namespace restante::rpc {
namespace {

using Account = absl::StatusOr<store::AccountInfo>;
using Summary = absl::StatusOr<store::VerifySummary>;

class Calls : public testing::Test {
 protected:
  FakeStore store_;
  RunningServer server_{store_};
  std::unique_ptr<v1::AccountsService::Stub> accounts_ =
      v1::AccountsService::NewStub(server_.channel());
  std::unique_ptr<v1::AdminService::Stub> admin_ = v1::AdminService::NewStub(server_.channel());
  Call call_;
};

TEST_F(Calls, AClientThatLeavesEndsTheCallAndNotItsTask) {
  Held<Account> get;
  store_.fake_accounts.get = [&](const std::string&) { return get.Hold(); };
  grpc::ClientContext impatient;
  std::thread leaving([&] {
    get.AwaitHeld(1);
    impatient.TryCancel();
  });
  v1::GetAccountResponse response;
  EXPECT_EQ(accounts_->GetAccount(&impatient, {}, &response).error_code(),
            grpc::StatusCode::CANCELLED);
  leaving.join();
  get.Complete(store::AccountInfo{.address = "too late"});
  server_.Shutdown();
}

TEST_F(Calls, ALoginIsGivenUpWhenItsCallerHasGoneAndClosedIfItComesTooLate) {
  Held<FakeMaildrops::Opened> login;
  Journal journal;
  FakeMaildrops& maildrops = store_.fake_maildrops;
  maildrops.login = [&](store::LeaseId lease, const std::string&) {
    EXPECT_EQ(lease, store::kUnaryLease);
    return login.Hold();
  };
  maildrops.cancel = [&] { journal.Note("cancel"); };
  maildrops.close = [&](const std::string& token) {
    journal.Note("close " + token);
    return absl::OkStatus();
  };
  grpc::ClientContext impatient;
  std::thread leaving([&] {
    login.AwaitHeld(1);
    impatient.TryCancel();
  });
  v1::LoginResponse response;
  const auto stub = v1::MaildropService::NewStub(server_.channel());
  EXPECT_EQ(stub->Login(&impatient, {}, &response).error_code(), grpc::StatusCode::CANCELLED);
  leaving.join();
  EXPECT_THAT(journal.Await(1), testing::ElementsAre("cancel"));
  store::OpenedMaildrop opened;
  opened.session_token = "unheard";
  login.Complete(std::move(opened));
  EXPECT_THAT(journal.Await(2), testing::ElementsAre("cancel", "close unheard"));
}

TEST_F(Calls, ALoginThatIsAnsweredIsNotGivenUp) {
  FakeMaildrops& maildrops = store_.fake_maildrops;
  maildrops.login = [](store::LeaseId, const std::string&) {
    store::OpenedMaildrop opened;
    opened.session_token = "heard";
    return Now<FakeMaildrops::Opened>(std::move(opened));
  };
  v1::LoginResponse response;
  const auto stub = v1::MaildropService::NewStub(server_.channel());
  EXPECT_TRUE(stub->Login(&call_, {}, &response).ok());
  EXPECT_EQ(response.session().session_token(), "heard");
  server_.Shutdown();
  EXPECT_EQ(maildrops.cancelled, 0);
}

TEST_F(Calls, ADeadlineHoldsBeforeThereIsAConnection) {
  const auto nowhere = v1::AccountsService::NewStub(OpenChannel("127.0.0.1:1"));
  grpc::ClientContext impatient;
  impatient.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  impatient.set_wait_for_ready(true);
  v1::GetAccountResponse response;
  EXPECT_EQ(nowhere->GetAccount(&impatient, {}, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(Calls, OneThatWaitsHoldsUpNoOther) {
  Held<Account> get;
  store_.fake_accounts.get = [&](const std::string& address) {
    return address == "slow" ? get.Hold()
                             : Now<Account>(store::AccountInfo{.address = address});
  };
  std::vector<std::thread> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.emplace_back([&] {
      Call call;
      v1::GetAccountRequest request;
      request.set_address("slow");
      v1::GetAccountResponse response;
      EXPECT_TRUE(accounts_->GetAccount(&call, request, &response).ok());
    });
  }
  get.AwaitHeld(20);
  v1::GetAccountRequest request;
  request.set_address("fast");
  v1::GetAccountResponse response;
  EXPECT_TRUE(accounts_->GetAccount(&call_, request, &response).ok());
  for (int i = 0; i < 20; ++i) get.Complete(store::AccountInfo{});
  for (std::thread& thread : waiting) thread.join();
}

TEST_F(Calls, AnImportGathersAllRequests) {
  std::vector<std::string> imported;
  store_.fake_accounts.import = [&](std::vector<store::NewAccount> accounts) {
    for (const store::NewAccount& account : accounts) imported.push_back(account.address);
    return Now<absl::StatusOr<store::ImportReport>>(
        store::ImportReport{.imported = 0, .problems = {{1, "bad hash"}}});
  };
  v1::ImportAccountsResponse response;
  const auto writer = accounts_->ImportAccounts(&call_, &response);
  for (int i = 0; i < 3; ++i) {
    v1::ImportAccountsRequest request;
    request.add_entries()->set_address(absl::StrCat("user", i));
    EXPECT_TRUE(writer->Write(request));
  }
  writer->WritesDone();
  EXPECT_TRUE(writer->Finish().ok());
  EXPECT_THAT(imported, testing::ElementsAre("user0", "user1", "user2"));
  EXPECT_EQ(response.imported(), 0u);
  ASSERT_EQ(response.problems_size(), 1);
  EXPECT_EQ(response.problems(0).index(), 1u);
  EXPECT_EQ(response.problems(0).message(), "bad hash");
}

TEST_F(Calls, AnImportThatBreaksOffImportsNothing) {
  // The fake has no answer set: to be asked would fail the test.
  v1::ImportAccountsResponse response;
  const auto writer = accounts_->ImportAccounts(&call_, &response);
  v1::ImportAccountsRequest request;
  request.add_entries()->set_address("user");
  EXPECT_TRUE(writer->Write(request));
  call_.TryCancel();
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  server_.Shutdown();
}

TEST_F(Calls, AnImportHasAGreatestSize) {
  v1::ImportAccountsResponse response;
  const auto writer = accounts_->ImportAccounts(&call_, &response);
  v1::ImportAccountsRequest request;
  for (int i = 0; i < 100'000; ++i) request.add_entries();
  for (int i = 0; i < 11; ++i) {
    if (!writer->Write(request)) break;
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_OVERLOADED);
}

TEST_F(Calls, AVerificationPassesFindingsOnAndEndsWithItsSummary) {
  Held<Summary> scan;
  store_.verify = [&](FakeStore::Report report) {
    report({.is_error = true, .where = "mailbox 4f", .message = "count is 3, not 4"});
    report({.is_error = false, .where = "body 5a", .message = "orphan"});
    return scan.Hold();
  };
  const auto reader = admin_->Verify(&call_, {});
  v1::VerifyResponse item;
  // Before the scan is over.
  ASSERT_TRUE(reader->Read(&item));
  EXPECT_EQ(item.finding().severity(), v1::VerifyFinding::SEVERITY_ERROR);
  EXPECT_EQ(item.finding().where(), "mailbox 4f");
  EXPECT_EQ(item.finding().message(), "count is 3, not 4");
  ASSERT_TRUE(reader->Read(&item));
  EXPECT_EQ(item.finding().severity(), v1::VerifyFinding::SEVERITY_NOTE);
  scan.Complete(store::VerifySummary{.messages = 4, .errors = 1, .notes = 1});
  ASSERT_TRUE(reader->Read(&item));
  EXPECT_EQ(item.summary().messages(), 4u);
  EXPECT_EQ(item.summary().errors(), 1u);
  EXPECT_FALSE(reader->Read(&item));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(Calls, AVerificationWithMoreFindingsThanFitSaysSo) {
  constexpr uint64_t kFindings = 500'000;
  store_.verify = [&](FakeStore::Report report) {
    const std::string message(100, 'x');
    for (uint64_t i = 0; i < kFindings; ++i) report({.message = message});
    return Now<Summary>(store::VerifySummary{.errors = kFindings});
  };
  const auto reader = admin_->Verify(&call_, {});
  uint64_t findings = 0;
  std::string last;
  v1::VerifyResponse item;
  while (reader->Read(&item)) {
    if (item.has_finding()) {
      ++findings;
      last = item.finding().message();
    }
  }
  EXPECT_EQ(item.summary().errors(), kFindings);
  EXPECT_LT(findings, kFindings);
  EXPECT_EQ(last, absl::StrCat(kFindings - (findings - 1),
                               " more findings were not sent: they came faster than they "
                               "were read"));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(Calls, AVerificationGoesOnWithoutItsClient) {
  Held<Summary> scan;
  FakeStore::Report report;
  store_.verify = [&](FakeStore::Report given) {
    report = std::move(given);
    return scan.Hold();
  };
  const auto reader = admin_->Verify(&call_, {});
  scan.AwaitHeld(1);
  call_.TryCancel();
  reader->Finish();
  for (int i = 0; i < 10; ++i) report({.message = "unheard"});
  scan.Complete(store::VerifySummary{});
  server_.Shutdown();
}

TEST_F(Calls, AFailedVerificationFailsTheCall) {
  store_.verify = [&](FakeStore::Report) {
    return Now<Summary>(MakeError(v1::ERROR_REASON_STORE_FAILURE, "disk"));
  };
  const auto reader = admin_->Verify(&call_, {});
  EXPECT_EQ(ReasonOf(reader->Finish()), v1::ERROR_REASON_STORE_FAILURE);
}

TEST_F(Calls, StatsMergeTheStoresFiguresWithThoseOfTheCalls) {
  v1::GetStatsResponse response;
  ASSERT_TRUE(admin_->GetStats(&call_, {}, &response).ok());
  EXPECT_EQ(response.values().at("fake_total"), 7);
  EXPECT_EQ(response.values().at("rpc_calls_total"), 1);
  EXPECT_FALSE(response.version().empty());
}

}  // namespace
}  // namespace restante::rpc
