// One front-end's stream: what it promises about order, batches, leases and bounds,
// over a store whose answers come when the test says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/config.h"
#include "restante/v1/maildrop.grpc.pb.h"
#include "tests/rpc/fake_store.h"
#include "tests/rpc/server_fixture.h"

namespace restante::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using ExchangeClient = grpc::ClientReaderWriter<v1::ExchangeRequest, v1::ExchangeResponse>;
using Page = absl::StatusOr<store::MaildropRowPage>;

store::OpenedMaildrop Opened(const std::string& token) {
  store::OpenedMaildrop opened;
  opened.session_token = token;
  opened.fencing_token = 7;
  opened.address = "Ann@example.org";
  opened.uidvalidity = 11;
  opened.uid_next = 4;
  opened.highest_modseq = 9;
  opened.message_count = 2;
  opened.octets = 30;
  opened.rows = {{1, 10, "u1", false}, {3, 20, "u3", true}};
  return opened;
}

void AddLogin(v1::ExchangeRequest& message, uint64_t id, const std::string& address) {
  v1::Operation* operation = message.add_operations();
  operation->set_id(id);
  operation->mutable_login()->set_address(address);
}

void AddRows(v1::ExchangeRequest& message, uint64_t id, const std::string& token) {
  v1::Operation* operation = message.add_operations();
  operation->set_id(id);
  operation->mutable_rows()->set_session_token(token);
}

void AddClose(v1::ExchangeRequest& message, uint64_t id, const std::string& token) {
  v1::Operation* operation = message.add_operations();
  operation->set_id(id);
  operation->mutable_close()->set_session_token(token);
}

void AddCommit(v1::ExchangeRequest& message, uint64_t id, const std::string& token) {
  v1::Operation* operation = message.add_operations();
  operation->set_id(id);
  operation->mutable_commit()->set_session_token(token);
}

std::vector<uint64_t> Ids(const v1::ExchangeResponse& response) {
  std::vector<uint64_t> ids;
  for (const v1::Result& result : response.results()) ids.push_back(result.id());
  return ids;
}

class Exchange : public testing::Test {
 protected:
  FakeMaildrops& maildrops() { return store_.fake_maildrops; }

  // The next message with results; what is announced may come by itself.
  v1::ExchangeResponse Read(ExchangeClient& stream) {
    v1::ExchangeResponse response;
    do {
      if (stream.Read(&response)) continue;
      ADD_FAILURE() << "the stream has ended";
      break;
    } while (response.results().empty());
    return response;
  }

  FakeStore store_;
  RunningServer server_{store_};
  std::unique_ptr<v1::MaildropService::Stub> stub_ =
      v1::MaildropService::NewStub(server_.channel());
  Call call_;
};

TEST_F(Exchange, TheStreamIsThereBeforeAnythingIsSaid) {
  const auto stream = stub_->Exchange(&call_);
  stream->WaitForInitialMetadata();
  EXPECT_THAT(maildrops().leases.Await(1), ElementsAre("begin 1"));
  stream->WritesDone();
  v1::ExchangeResponse response;
  while (stream->Read(&response)) EXPECT_EQ(response.results_size(), 0);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(Exchange, TheFirstMessageAnnouncesThePoliciesAndALaterOneTheirChange) {
  maildrops().announcement.login_delay_seconds = 60;
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_FALSE(response.announcement().has_expire_days());
  EXPECT_EQ(response.announcement().login_delay_seconds(), 60u);
  EXPECT_FALSE(response.announcement().login_delay_differs());

  store::Pop3Announcement changed;
  changed.expire_days = 0;
  changed.expire_differs = true;
  maildrops().Announce(changed);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.announcement().has_expire_days());
  EXPECT_EQ(response.announcement().expire_days(), 0u);
  EXPECT_TRUE(response.announcement().expire_differs());
  EXPECT_EQ(response.announcement().login_delay_seconds(), 0u);
}

TEST_F(Exchange, ALoginAnswersTheSessionAndItsFirstRows) {
  maildrops().login = [](store::LeaseId lease, const std::string& address) {
    EXPECT_EQ(lease, 1u);
    EXPECT_EQ(address, "ann@example.org");
    return Now<FakeMaildrops::Opened>(Opened("token"));
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddLogin(request, 5, "ann@example.org");
  stream->Write(request);

  const v1::ExchangeResponse response = Read(*stream);
  ASSERT_EQ(response.results_size(), 1);
  const v1::Result& result = response.results(0);
  EXPECT_EQ(result.id(), 5u);
  const v1::MaildropSession& session = result.login().session();
  EXPECT_EQ(session.session_token(), "token");
  EXPECT_EQ(session.fencing_token(), 7u);
  EXPECT_EQ(session.address(), "Ann@example.org");
  EXPECT_EQ(session.uidvalidity(), 11u);
  EXPECT_EQ(session.uid_next(), 4u);
  EXPECT_EQ(session.highest_modseq(), 9u);
  EXPECT_EQ(session.message_count(), 2u);
  EXPECT_EQ(session.octets(), 30u);
  EXPECT_FALSE(session.has_lease());
  ASSERT_EQ(result.login().rows_size(), 2);
  EXPECT_EQ(result.login().rows(1).uid(), 3u);
  EXPECT_EQ(result.login().rows(1).octets(), 20u);
  EXPECT_EQ(result.login().rows(1).uidl(), "u3");
  EXPECT_TRUE(result.login().rows(1).has_dot_line());
}

TEST_F(Exchange, ErrorsTravelAsResultsAndTheStreamGoesOn) {
  maildrops().login = [](store::LeaseId, const std::string&) {
    return Now<FakeMaildrops::Opened>(MakeError(v1::ERROR_REASON_IN_USE, "held"));
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddLogin(request, 1, "ann");
  request.add_operations()->set_id(2);
  v1::Operation* greedy = request.add_operations();
  greedy->set_id(3);
  greedy->mutable_login()->set_first_rows(65);
  stream->Write(request);

  const v1::ExchangeResponse response = Read(*stream);
  ASSERT_THAT(Ids(response), ElementsAre(1, 2, 3));
  EXPECT_EQ(ReasonOf(response.results(0).error()), v1::ERROR_REASON_IN_USE);
  EXPECT_EQ(ReasonOf(response.results(1).error()), v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_EQ(ReasonOf(response.results(2).error()), v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(Exchange, ResultsThatAreThereAtOnceLeaveInOneMessage) {
  maildrops().login = [](store::LeaseId, const std::string& address) {
    return Now<FakeMaildrops::Opened>(Opened(address));
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  for (uint64_t id = 1; id <= 50; ++id) AddLogin(request, id, "user");
  stream->Write(request);
  EXPECT_EQ(Read(*stream).results_size(), 50);
}

TEST_F(Exchange, ACloseGoesAheadOfALaterLoginInTheSameMessage) {
  Journal journal;
  maildrops().close = [&](const std::string&) {
    journal.Note("close");
    return absl::OkStatus();
  };
  maildrops().login = [&](store::LeaseId, const std::string&) {
    journal.Note("login");
    return Now<FakeMaildrops::Opened>(Opened("new"));
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddClose(request, 1, "old");
  AddLogin(request, 2, "ann");
  stream->Write(request);
  EXPECT_THAT(Ids(Read(*stream)), ElementsAre(1, 2));
  EXPECT_THAT(journal.events(), ElementsAre("close", "login"));
}

TEST_F(Exchange, OperationsOfOneSessionFollowOneAnother) {
  Journal journal;
  Held<Page> rows;
  maildrops().rows = [&](const std::string& token, uint32_t, uint32_t) {
    journal.Note("rows " + token);
    return rows.Hold();
  };
  maildrops().commit = [&](const std::string& token, std::vector<store::UidRange>, bool) {
    journal.Note("commit " + token);
    return Now<absl::StatusOr<uint64_t>>(uint64_t{2});
  };
  maildrops().close = [&](const std::string& token) {
    journal.Note("close " + token);
    return absl::OkStatus();
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddRows(request, 1, "a");
  AddCommit(request, 2, "a");
  AddClose(request, 3, "a");
  AddClose(request, 4, "b");
  stream->Write(request);

  // The other session needn't wait.
  EXPECT_THAT(Ids(Read(*stream)), ElementsAre(4));
  EXPECT_THAT(journal.events(), ElementsAre("rows a", "close b"));

  rows.Complete(store::MaildropRowPage{.rows = {}, .end = true});
  std::vector<uint64_t> ids;
  while (ids.size() < 3) {
    for (const uint64_t id : Ids(Read(*stream))) ids.push_back(id);
  }
  EXPECT_THAT(ids, ElementsAre(1, 2, 3));
  EXPECT_THAT(journal.events(), ElementsAre("rows a", "close b", "commit a", "close a"));
}

TEST_F(Exchange, ResultsOfDifferentSessionsComeAsTheyAreDone) {
  Held<Page> first;
  Held<Page> second;
  maildrops().rows = [&](const std::string& token, uint32_t, uint32_t) {
    return token == "a" ? first.Hold() : second.Hold();
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddRows(request, 1, "a");
  AddRows(request, 2, "b");
  stream->Write(request);
  second.Complete(store::MaildropRowPage{});
  EXPECT_THAT(Ids(Read(*stream)), ElementsAre(2));
  first.Complete(store::MaildropRowPage{});
  EXPECT_THAT(Ids(Read(*stream)), ElementsAre(1));
}

TEST_F(Exchange, RowsHaveADefaultAndAGreatestLimit) {
  maildrops().rows = [](const std::string&, uint32_t after, uint32_t limit) {
    EXPECT_EQ(after, 17u);
    EXPECT_EQ(limit, 1024u);
    return Now<Page>(store::MaildropRowPage{.rows = {{18, 1, "x", true}}, .end = true});
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddRows(request, 1, "a");
  request.mutable_operations(0)->mutable_rows()->set_after_uid(17);
  AddRows(request, 2, "a");
  request.mutable_operations(1)->mutable_rows()->set_limit(4097);
  stream->Write(request);
  const v1::ExchangeResponse response = Read(*stream);
  ASSERT_THAT(Ids(response), ElementsAre(1, 2));
  EXPECT_EQ(response.results(0).rows().rows(0).uid(), 18u);
  EXPECT_TRUE(response.results(0).rows().end());
  EXPECT_EQ(ReasonOf(response.results(1).error()), v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(Exchange, ACommitPassesItsRangesOn) {
  maildrops().commit = [](const std::string& token, std::vector<store::UidRange> uids,
                          bool close) {
    EXPECT_EQ(token, "a");
    EXPECT_EQ(uids.size(), 2u);
    EXPECT_EQ(uids.at(1).first, 5u);
    EXPECT_EQ(uids.at(1).last, 9u);
    EXPECT_TRUE(close);
    return Now<absl::StatusOr<uint64_t>>(uint64_t{6});
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddCommit(request, 1, "a");
  v1::CommitRequest* commit = request.mutable_operations(0)->mutable_commit();
  commit->set_close(true);
  commit->add_delete_uids()->set_first(1);
  v1::UidRange* range = commit->add_delete_uids();
  range->set_first(5);
  range->set_last(9);
  stream->Write(request);
  EXPECT_EQ(Read(*stream).results(0).commit().deleted(), 6u);
}

TEST_F(Exchange, AMessageThatIsNotUtf8EndsTheStreamAndNothingElse) {
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddLogin(request, 1, "J\xf6rg");
  stream->Write(request);
  v1::ExchangeResponse nothing;
  while (stream->Read(&nothing)) EXPECT_EQ(nothing.results_size(), 0);
  stream->Finish();
  EXPECT_THAT(maildrops().leases.Await(2), ElementsAre("begin 1", "end 1"));

  Call again;
  const auto next = stub_->Exchange(&again);
  next->WaitForInitialMetadata();
  EXPECT_THAT(maildrops().leases.Await(3), testing::Contains("begin 2"));
}

TEST_F(Exchange, TheEndOfTheClientsSideWaitsForWhatIsUnderWay) {
  Held<Page> rows;
  maildrops().rows = [&](const std::string&, uint32_t, uint32_t) { return rows.Hold(); };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddRows(request, 1, "a");
  stream->Write(request);
  stream->WritesDone();
  rows.AwaitHeld(1);
  EXPECT_THAT(maildrops().leases.events(), ElementsAre("begin 1"));
  rows.Complete(store::MaildropRowPage{});
  EXPECT_THAT(Ids(Read(*stream)), ElementsAre(1));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_THAT(maildrops().leases.Await(2), ElementsAre("begin 1", "end 1"));
}

TEST_F(Exchange, ABrokenStreamEndsItsLeaseAtOnce) {
  Held<Page> rows;
  maildrops().rows = [&](const std::string&, uint32_t, uint32_t) { return rows.Hold(); };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddRows(request, 1, "a");
  stream->Write(request);
  rows.AwaitHeld(1);
  call_.TryCancel();
  // Although an operation is still under way.
  EXPECT_THAT(maildrops().leases.Await(2), ElementsAre("begin 1", "end 1"));
  rows.Complete(store::MaildropRowPage{});
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(Exchange, ALoginThatNobodyHearsOfIsClosed) {
  Held<FakeMaildrops::Opened> login;
  Journal closed;
  maildrops().login = [&](store::LeaseId, const std::string&) { return login.Hold(); };
  maildrops().close = [&](const std::string& token) {
    closed.Note(token);
    return absl::OkStatus();
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddLogin(request, 1, "ann");
  stream->Write(request);
  login.AwaitHeld(1);
  call_.TryCancel();
  maildrops().leases.Await(2);
  login.Complete(Opened("unheard"));
  EXPECT_THAT(closed.Await(1), ElementsAre("unheard"));
  stream->Finish();
}

void AddCancel(v1::ExchangeRequest& message, uint64_t id, uint64_t login) {
  v1::Operation* operation = message.add_operations();
  operation->set_id(id);
  operation->mutable_cancel_login()->set_id(login);
}

TEST_F(Exchange, ALoginThatWaitsCanBeGivenUp) {
  Held<FakeMaildrops::Opened> login;
  maildrops().login = [&](store::LeaseId, const std::string&) { return login.Hold(); };
  maildrops().cancel = [&] { login.Complete(absl::CancelledError("given up")); };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddLogin(request, 1, "ann");
  AddCancel(request, 2, 1);
  stream->Write(request);
  std::vector<v1::Result> results;
  while (results.size() < 2) {
    const v1::ExchangeResponse response = Read(*stream);
    for (const v1::Result& result : response.results()) results.push_back(result);
  }
  EXPECT_EQ(results[0].id(), 1u);
  EXPECT_EQ(results[0].error().code(), static_cast<int>(absl::StatusCode::kCancelled));
  EXPECT_EQ(results[1].id(), 2u);
  EXPECT_TRUE(results[1].has_cancel_login());
  EXPECT_TRUE(maildrops().pending()->cancelled());
}

TEST_F(Exchange, ToGiveUpALoginThatIsNotUnderWayIsNoError) {
  maildrops().login = [](store::LeaseId, const std::string&) {
    return Now<FakeMaildrops::Opened>(Opened("token"));
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddCancel(request, 1, 9);
  AddLogin(request, 2, "ann");
  AddCancel(request, 3, 2);
  stream->Write(request);
  const v1::ExchangeResponse response = Read(*stream);
  ASSERT_THAT(Ids(response), ElementsAre(1, 2, 3));
  EXPECT_TRUE(response.results(0).has_cancel_login());
  EXPECT_TRUE(response.results(1).has_login());
  EXPECT_TRUE(response.results(2).has_cancel_login());
  EXPECT_EQ(maildrops().cancelled, 0);
}

TEST_F(Exchange, WhatWasRetrievedCanBeToldWhileTheSessionGoesOn) {
  Journal journal;
  maildrops().mark_retrieved = [&](const std::string& token,
                                   const std::vector<store::UidRange>& uids) {
    journal.Note(absl::StrCat("mark ", token, " ", uids.at(0).first, ":", uids.at(0).last));
    return absl::OkStatus();
  };
  maildrops().close = [&](const std::string& token) {
    journal.Note("close " + token);
    return absl::OkStatus();
  };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  v1::Operation* operation = request.add_operations();
  operation->set_id(1);
  operation->mutable_mark_retrieved()->set_session_token("a");
  v1::UidRange* range = operation->mutable_mark_retrieved()->add_retrieved_uids();
  range->set_first(3);
  range->set_last(5);
  AddClose(request, 2, "a");
  stream->Write(request);
  const v1::ExchangeResponse response = Read(*stream);
  ASSERT_THAT(Ids(response), ElementsAre(1, 2));
  EXPECT_TRUE(response.results(0).has_mark_retrieved());
  EXPECT_THAT(journal.events(), ElementsAre("mark a 3:5", "close a"));
}

v1::ExchangeRequest WithHeartbeat(absl::Duration interval) {
  v1::ExchangeRequest request;
  *request.mutable_heartbeat_interval() = restante::ToProto(interval);
  return request;
}

TEST_F(Exchange, AStreamThatAnnouncesHeartbeatsIsWatchedForSilence) {
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request = WithHeartbeat(absl::Seconds(1));
  AddLogin(request, 1, "ann");
  maildrops().login = [&](store::LeaseId, const std::string&) {
    // Before anything is carried out.
    EXPECT_THAT(maildrops().leases.events(), ElementsAre("begin 1", "watch 1 1s"));
    return Now<FakeMaildrops::Opened>(Opened("token"));
  };
  stream->Write(request);
  Read(*stream);
  // Only the first message decides.
  v1::ExchangeRequest later = WithHeartbeat(absl::Seconds(9));
  AddLogin(later, 2, "ann");
  stream->Write(later);
  Read(*stream);
}

TEST_F(Exchange, AStreamOfTheReleaseBeforeIsNotWatched) {
  maildrops().login = [](store::LeaseId, const std::string&) {
    return Now<FakeMaildrops::Opened>(Opened("token"));
  };
  const auto stream = stub_->Exchange(&call_);
  for (uint64_t id = 1; id <= 2; ++id) {
    v1::ExchangeRequest request;
    if (id == 2) request = WithHeartbeat(absl::Seconds(1));
    AddLogin(request, id, "ann");
    stream->Write(request);
    Read(*stream);
  }
  EXPECT_THAT(maildrops().leases.events(), ElementsAre("begin 1"));
}

TEST_F(Exchange, EachMessageIsASignOfLifeAlsoWithoutOperations) {
  maildrops().login = [](store::LeaseId, const std::string&) {
    return Now<FakeMaildrops::Opened>(Opened("token"));
  };
  const auto stream = stub_->Exchange(&call_);
  stream->Write(WithHeartbeat(absl::Seconds(1)));
  for (int beat = 0; beat < 3; ++beat) stream->Write(v1::ExchangeRequest());
  v1::ExchangeRequest request;
  AddLogin(request, 1, "ann");
  stream->Write(request);
  EXPECT_THAT(Ids(Read(*stream)), ElementsAre(1));
  EXPECT_EQ(maildrops().heard, 5);
}

TEST_F(Exchange, AStreamWhoseLeaseWasSilentIsEnded) {
  Held<Page> rows;
  maildrops().rows = [&](const std::string&, uint32_t, uint32_t) { return rows.Hold(); };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request = WithHeartbeat(absl::Seconds(1));
  AddRows(request, 1, "a");
  stream->Write(request);
  rows.AwaitHeld(1);
  maildrops().EndBySilence(1);
  v1::ExchangeResponse nothing;
  while (stream->Read(&nothing)) EXPECT_EQ(nothing.results_size(), 0);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_THAT(maildrops().leases.Await(3), ElementsAre("begin 1", "watch 1 1s", "end 1"));
  rows.Complete(store::MaildropRowPage{});
}

TEST_F(Exchange, ASecondStreamHasALeaseOfItsOwnAndResumesSessions) {
  Journal journal;
  maildrops().resume = [&](store::LeaseId lease, const std::string& token) {
    journal.Note(absl::StrCat("resume ", token, " by ", lease));
    return Now(absl::OkStatus());
  };
  const auto first = stub_->Exchange(&call_);
  first->WaitForInitialMetadata();
  call_.TryCancel();
  first->Finish();
  maildrops().leases.Await(2);

  Call again;
  const auto second = stub_->Exchange(&again);
  v1::ExchangeRequest request;
  v1::Operation* operation = request.add_operations();
  operation->set_id(1);
  operation->mutable_resume()->set_session_token("kept");
  second->Write(request);
  EXPECT_TRUE(Read(*second).results(0).has_resume());
  EXPECT_THAT(journal.events(), ElementsAre("resume kept by 2"));
}

TEST_F(Exchange, AShutdownAnswersWhatIsUnderWayAndThenEndsTheStream) {
  Held<Page> rows;
  maildrops().rows = [&](const std::string&, uint32_t, uint32_t) { return rows.Hold(); };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddRows(request, 1, "a");
  stream->Write(request);
  rows.AwaitHeld(1);
  std::thread shutdown([&] { server_.Shutdown(); });
  rows.Complete(store::MaildropRowPage{});
  EXPECT_THAT(Ids(Read(*stream)), ElementsAre(1));
  v1::ExchangeResponse nothing;
  while (stream->Read(&nothing)) EXPECT_EQ(nothing.results_size(), 0);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  shutdown.join();
  EXPECT_THAT(maildrops().leases.events(), ElementsAre("begin 1", "end 1"));
  EXPECT_TRUE(maildrops().stopped_waiting);
}

TEST_F(Exchange, AShutdownWaitsForTheStoreAfterItsDeadline) {
  Held<Page> rows;
  maildrops().rows = [&](const std::string&, uint32_t, uint32_t) { return rows.Hold(); };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  AddRows(request, 1, "a");
  stream->Write(request);
  rows.AwaitHeld(1);
  std::thread shutdown([&] { server_.Shutdown(absl::Milliseconds(20)); });
  // The call is cancelled, although its operation isn't complete.
  v1::ExchangeResponse response;
  while (stream->Read(&response)) EXPECT_EQ(response.results_size(), 0);
  EXPECT_FALSE(stream->Finish().ok());
  maildrops().leases.Await(2);
  rows.Complete(store::MaildropRowPage{});
  shutdown.join();
}

class BoundedExchange : public testing::Test {
 protected:
  static ServerOptions Options() {
    ServerOptions options = OnLoopback();
    options.exchange.most_under_way = 4;
    options.exchange.most_unsent_octets = 64 << 10;
    options.exchange.message_octets = 16 << 10;
    return options;
  }
  FakeStore store_;
  RunningServer server_{store_, Options()};
  std::unique_ptr<v1::MaildropService::Stub> stub_ =
      v1::MaildropService::NewStub(server_.channel());
  Call call_;
};

TEST_F(BoundedExchange, NoMoreThanTheBoundIsUnderWay) {
  Held<Page> rows;
  store_.fake_maildrops.rows = [&](const std::string&, uint32_t, uint32_t) {
    return rows.Hold();
  };
  const auto stream = stub_->Exchange(&call_);
  for (int message = 0; message < 4; ++message) {
    v1::ExchangeRequest request;
    for (int i = 0; i < 5; ++i) {
      const int id = message * 5 + i;
      AddRows(request, id, absl::StrCat("session ", id));
    }
    stream->Write(request);
  }
  std::set<uint64_t> answered;
  for (int done = 0; done < 20; ++done) {
    rows.AwaitHeld(std::min(4, 20 - done));
    EXPECT_LE(rows.count(), 4u);
    rows.Complete(store::MaildropRowPage{});
  }
  v1::ExchangeResponse response;
  while (answered.size() < 20 && stream->Read(&response)) {
    for (const uint64_t id : Ids(response)) answered.insert(id);
  }
  EXPECT_EQ(answered.size(), 20u);
}

TEST_F(BoundedExchange, AStreamThatIsNotReadFromIsHeldUp) {
  FakeMaildrops& maildrops = store_.fake_maildrops;
  Held<Page> rows;
  maildrops.rows = [&](const std::string&, uint32_t, uint32_t) { return rows.Hold(); };
  const auto stream = stub_->Exchange(&call_);
  v1::ExchangeRequest request;
  for (int id = 1; id <= 3; ++id) AddRows(request, id, absl::StrCat("session ", id));
  stream->Write(request);
  rows.AwaitHeld(3);
  EXPECT_FALSE(maildrops.IsHeldUp(1));
  request.Clear();
  AddRows(request, 4, "session 4");
  stream->Write(request);
  rows.AwaitHeld(4);
  EXPECT_TRUE(maildrops.IsHeldUp(1));
  rows.Complete(store::MaildropRowPage{});
  v1::ExchangeResponse response;
  while (stream->Read(&response) && response.results().empty()) {
  }
  EXPECT_FALSE(maildrops.IsHeldUp(1));
  while (rows.count() > 0) rows.Complete(store::MaildropRowPage{});
}

TEST_F(BoundedExchange, AClientThatReadsNoResultsStopsTheWork) {
  store::MaildropRowPage page;
  for (uint32_t uid = 1; uid <= 100; ++uid) page.rows.push_back({uid, 1, "uidl", false});
  std::atomic<int> started{0};
  store_.fake_maildrops.rows = [&](const std::string&, uint32_t, uint32_t) {
    ++started;
    return Now<Page>(page);
  };
  const auto stream = stub_->Exchange(&call_);
  constexpr int kOperations = 20'000;
  std::thread writer([&] {
    for (int id = 0; id < kOperations; id += 100) {
      v1::ExchangeRequest request;
      for (int i = 0; i < 100; ++i) AddRows(request, id + i, absl::StrCat(id + i));
      stream->Write(request);
    }
  });
  // 24 MB of results: what is done ahead of the client fits the bound and the
  // windows of the connection, and once it reads, everything comes.
  int answered = 0;
  v1::ExchangeResponse response;
  while (answered < kOperations && stream->Read(&response)) {
    EXPECT_LT(started.load() - answered, kOperations / 2);
    EXPECT_LE(response.ByteSizeLong(), size_t{20} << 10);
    answered += response.results_size();
  }
  writer.join();
  EXPECT_EQ(answered, kOperations);
}

}  // namespace
}  // namespace restante::rpc
