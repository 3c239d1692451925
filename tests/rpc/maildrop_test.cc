// MaildropService and MessagesService as a client sees them, by unary calls and by
// Exchange.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/rpc/real_store.h"

namespace restante::rpc {
namespace {

const char kFirst[] = "Subject: first\r\n\r\nline one\r\n.line two\r\n";
const char kSecond[] = "Subject: second\r\n\r\nbody\r\n";

class MaildropRpc : public RealStore {
 protected:
  MaildropRpc() {
    CreateAccount("ann@example.org");
    Deliver("ann@example.org", kFirst);
    Deliver("ann@example.org", kSecond);
  }

  grpc::Status Rows(const std::string& token, v1::RowsResponse* response, uint32_t after = 0,
                    uint32_t limit = 0) {
    Call call;
    v1::RowsRequest request;
    request.set_session_token(token);
    request.set_after_uid(after);
    request.set_limit(limit);
    return Maildrop()->Rows(&call, request, response);
  }

  grpc::Status Commit(const std::string& token, uint32_t first, uint32_t last, bool close,
                      v1::CommitResponse* response) {
    Call call;
    v1::CommitRequest request;
    request.set_session_token(token);
    v1::UidRange* range = request.add_delete_uids();
    range->set_first(first);
    range->set_last(last);
    request.set_close(close);
    return Maildrop()->Commit(&call, request, response);
  }

  grpc::Status Close(const std::string& token) {
    Call call;
    v1::CloseRequest request;
    request.set_session_token(token);
    v1::CloseResponse response;
    return Maildrop()->Close(&call, request, &response);
  }

  grpc::Status Renew(const std::string& token, v1::RenewResponse* response) {
    Call call;
    v1::RenewRequest request;
    request.set_session_token(token);
    return Maildrop()->Renew(&call, request, response);
  }

  grpc::Status Open(const std::string& token, v1::OpenResponse* response) {
    Call call;
    v1::OpenRequest request;
    request.set_auth_token(token);
    return Maildrop()->Open(&call, request, response);
  }

  std::string Authenticate() {
    Call call;
    v1::AuthenticatePasswordRequest request;
    request.set_address("ann@example.org");
    request.set_password("secret");
    v1::AuthenticatePasswordResponse response;
    EXPECT_TRUE(Authenticator()->AuthenticatePassword(&call, request, &response).ok());
    return response.auth_token();
  }

  // All pieces of a reading, by part.
  grpc::Status Read(const v1::ReadRequest& request, std::vector<std::string>* data,
                    std::vector<v1::ErrorReason>* errors) {
    Call call;
    data->assign(request.parts_size(), "");
    errors->assign(request.parts_size(), v1::ERROR_REASON_UNSPECIFIED);
    const auto stub = Messages();
    const auto reader = stub->Read(&call, request);
    v1::ReadResponse frame;
    while (reader->Read(&frame)) {
      for (const v1::ReadPiece& piece : frame.pieces()) {
        data->at(piece.part()) += piece.data();
        if (piece.has_error()) errors->at(piece.part()) = ReasonOf(piece.error());
      }
    }
    return reader->Finish();
  }
};

TEST_F(MaildropRpc, ALoginOpensTheMaildropWithItsFirstRows) {
  v1::LoginResponse response;
  ASSERT_TRUE(Login("ann@example.org", "secret", &response, 64).ok());
  const v1::MaildropSession& session = response.session();
  EXPECT_FALSE(session.session_token().empty());
  EXPECT_LE(session.session_token().size(), 512u);
  EXPECT_GT(session.fencing_token(), 0u);
  EXPECT_EQ(session.message_count(), 2u);
  EXPECT_EQ(session.octets(), sizeof(kFirst) - 1 + sizeof(kSecond) - 1);
  EXPECT_EQ(session.lease().seconds(), 30);
  ASSERT_EQ(response.rows_size(), 2);
  EXPECT_LT(response.rows(0).uid(), response.rows(1).uid());
  EXPECT_LT(response.rows(1).uid(), session.uid_next());
  EXPECT_EQ(response.rows(0).octets(), sizeof(kFirst) - 1);
  EXPECT_TRUE(response.rows(0).has_dot_line());
  EXPECT_FALSE(response.rows(1).has_dot_line());
  EXPECT_NE(response.rows(0).uidl(), response.rows(1).uidl());
}

TEST_F(MaildropRpc, ALoginFailsForItsReasons) {
  v1::LoginResponse response;
  EXPECT_EQ(ReasonOf(Login("ann@example.org", "wrong", &response)),
            v1::ERROR_REASON_BAD_CREDENTIALS);
  EXPECT_EQ(ReasonOf(Login("bob@example.org", "secret", &response)),
            v1::ERROR_REASON_BAD_CREDENTIALS);
  EXPECT_EQ(ReasonOf(Login("ann@example.org", "secret", &response, 65)),
            v1::ERROR_REASON_INVALID_REQUEST);
  Login("ann@example.org");
  EXPECT_EQ(ReasonOf(Login("ann@example.org", "secret", &response)), v1::ERROR_REASON_IN_USE);
}

TEST_F(MaildropRpc, ATokenOfTheAuthenticatorOpensTheMaildrop) {
  v1::OpenResponse response;
  EXPECT_EQ(ReasonOf(Open("forged", &response)), v1::ERROR_REASON_BAD_TOKEN);
  const std::string token = Authenticate();
  ASSERT_TRUE(Open(token, &response).ok());
  EXPECT_EQ(response.session().message_count(), 2u);
  EXPECT_EQ(ReasonOf(Open(Authenticate(), &response)), v1::ERROR_REASON_IN_USE);
}

TEST_F(MaildropRpc, ATokenOfTheAuthenticatorExpires) {
  const std::string token = Authenticate();
  clock_.Advance(absl::Seconds(61));
  v1::OpenResponse response;
  EXPECT_EQ(ReasonOf(Open(token, &response)), v1::ERROR_REASON_BAD_TOKEN);
}

TEST_F(MaildropRpc, RowsComeInPages) {
  const std::string token = Login("ann@example.org");
  v1::RowsResponse first;
  ASSERT_TRUE(Rows(token, &first, 0, 1).ok());
  ASSERT_EQ(first.rows_size(), 1);
  EXPECT_FALSE(first.end());
  v1::RowsResponse second;
  ASSERT_TRUE(Rows(token, &second, first.rows(0).uid(), 1).ok());
  ASSERT_EQ(second.rows_size(), 1);
  EXPECT_TRUE(second.end());
  EXPECT_EQ(ReasonOf(Rows("forged", &first)), v1::ERROR_REASON_BAD_TOKEN);
  EXPECT_EQ(ReasonOf(Rows(token, &first, 0, 4097)), v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(MaildropRpc, ACommitDeletesAndARepetitionIsToldTheSame) {
  const std::string token = Login("ann@example.org");
  v1::RowsResponse rows;
  ASSERT_TRUE(Rows(token, &rows).ok());
  const uint32_t uid = rows.rows(0).uid();
  v1::CommitResponse response;
  ASSERT_TRUE(Commit(token, uid, uid, false, &response).ok());
  EXPECT_EQ(response.deleted(), 1u);
  ASSERT_TRUE(Commit(token, uid, uid, false, &response).ok());
  EXPECT_EQ(response.deleted(), 1u);
  EXPECT_EQ(ReasonOf(Commit("forged", uid, uid, false, &response)), v1::ERROR_REASON_BAD_TOKEN);
}

TEST_F(MaildropRpc, ACommitMayEndTheSession) {
  const std::string token = Login("ann@example.org");
  v1::CommitResponse response;
  ASSERT_TRUE(Commit(token, 1, 1, true, &response).ok());
  v1::LoginResponse again;
  ASSERT_TRUE(Login("ann@example.org", "secret", &again).ok());
  EXPECT_EQ(again.session().message_count(), 1u);
}

TEST_F(MaildropRpc, ACloseFreesTheLockAndIsHarmlessTwice) {
  const std::string token = Login("ann@example.org");
  EXPECT_TRUE(Close(token).ok());
  EXPECT_TRUE(Close(token).ok());
  EXPECT_EQ(ReasonOf(Close("forged")), v1::ERROR_REASON_BAD_TOKEN);
  Login("ann@example.org");
}

TEST_F(MaildropRpc, AUnarySessionLivesForItsLeaseAfterEachCall) {
  const std::string token = Login("ann@example.org");
  clock_.Advance(absl::Seconds(29));
  v1::RenewResponse renewed;
  ASSERT_TRUE(Renew(token, &renewed).ok());
  EXPECT_EQ(renewed.lease().seconds(), 30);
  clock_.Advance(absl::Seconds(29));
  v1::RowsResponse rows;
  EXPECT_TRUE(Rows(token, &rows).ok());
  clock_.Advance(absl::Seconds(31));
  v1::CommitResponse response;
  EXPECT_EQ(ReasonOf(Commit(token, 1, 1, false, &response)), v1::ERROR_REASON_LEASE_LOST);
  EXPECT_EQ(ReasonOf(Rows(token, &rows)), v1::ERROR_REASON_LEASE_LOST);
  EXPECT_EQ(ReasonOf(Renew(token, &renewed)), v1::ERROR_REASON_LEASE_LOST);
  EXPECT_EQ(ReasonOf(Renew("forged", &renewed)), v1::ERROR_REASON_BAD_TOKEN);
}

TEST_F(MaildropRpc, OneStreamServesAWholeSession) {
  Call call;
  const auto stub = Maildrop();
  const auto stream = stub->Exchange(&call);
  const auto ask = [&](const v1::Operation& operation) {
    v1::ExchangeRequest request;
    *request.add_operations() = operation;
    EXPECT_TRUE(stream->Write(request));
    v1::ExchangeResponse response;
    // The first message may have nothing but what is announced.
    while (response.results().empty() && stream->Read(&response)) continue;
    return response.results_size() > 0 ? response.results(0) : v1::Result();
  };
  v1::Operation login;
  login.set_id(1);
  login.mutable_login()->set_address("ann@example.org");
  login.mutable_login()->set_password("secret");
  const v1::Result opened = ask(login);
  ASSERT_TRUE(opened.has_login()) << opened.error().message();
  EXPECT_FALSE(opened.login().session().has_lease());
  const std::string token = opened.login().session().session_token();
  // Another client must wait.
  v1::LoginResponse other;
  EXPECT_EQ(ReasonOf(Login("ann@example.org", "secret", &other)), v1::ERROR_REASON_IN_USE);

  v1::Operation rows;
  rows.set_id(2);
  rows.mutable_rows()->set_session_token(token);
  EXPECT_EQ(ask(rows).rows().rows_size(), 2);
  v1::Operation commit;
  commit.set_id(3);
  commit.mutable_commit()->set_session_token(token);
  v1::UidRange* range = commit.mutable_commit()->add_delete_uids();
  range->set_first(1);
  range->set_last(2);
  EXPECT_EQ(ask(commit).commit().deleted(), 2u);

  // A Close that isn't awaited, ahead of the next login in the same message.
  v1::ExchangeRequest both;
  v1::Operation* close = both.add_operations();
  close->set_id(4);
  close->mutable_close()->set_session_token(token);
  *both.add_operations() = login;
  stream->Write(both);
  std::vector<v1::Result> results;
  v1::ExchangeResponse response;
  while (results.size() < 2 && stream->Read(&response)) {
    for (const v1::Result& result : response.results()) results.push_back(result);
  }
  ASSERT_TRUE(results.at(1).has_login()) << results.at(1).error().message();
  EXPECT_EQ(results.at(1).login().session().message_count(), 0u);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(MaildropRpc, ALoginThatIsGivenUpNeitherTakesOverNorStandsInTheWay) {
  const std::string holder = Login("ann@example.org");
  Call call;
  const auto stub = Maildrop();
  const auto stream = stub->Exchange(&call);
  v1::ExchangeRequest request;
  for (uint64_t id = 1; id <= 2; ++id) {
    v1::Operation* operation = request.add_operations();
    operation->set_id(id);
    operation->mutable_login()->set_address("ann@example.org");
    operation->mutable_login()->set_password("secret");
    v1::SessionOptions* options = operation->mutable_login()->mutable_options();
    options->mutable_lock_wait()->set_seconds(30);
    options->set_take_over(id == 1);
  }
  v1::Operation* cancel = request.add_operations();
  cancel->set_id(3);
  cancel->mutable_cancel_login()->set_id(1);
  stream->Write(request);
  std::map<uint64_t, v1::Result> results;
  const auto read_until = [&](size_t count) {
    v1::ExchangeResponse response;
    while (results.size() < count && stream->Read(&response)) {
      for (const v1::Result& result : response.results()) results[result.id()] = result;
    }
  };
  read_until(2);
  EXPECT_EQ(results[1].error().code(), static_cast<int>(absl::StatusCode::kCancelled));
  EXPECT_TRUE(results[3].has_cancel_login());
  clock_.Advance(absl::Seconds(29));
  v1::RenewResponse renewed;
  EXPECT_TRUE(Renew(holder, &renewed).ok());
  v1::CommitResponse committed;
  EXPECT_TRUE(Commit(holder, 1, 1, true, &committed).ok()) << "the older session lives";
  EXPECT_EQ(committed.deleted(), 1u);
  read_until(3);
  EXPECT_EQ(results[2].login().session().message_count(), 1u) << "the next in turn";
}

TEST_F(MaildropRpc, ASessionIsResumedAtARestartedService) {
  std::string token;
  {
    Call call;
    const auto stub = Maildrop();
    const auto stream = stub->Exchange(&call);
    v1::ExchangeRequest request;
    request.add_operations()->mutable_login()->set_address("ann@example.org");
    request.mutable_operations(0)->mutable_login()->set_password("secret");
    stream->Write(request);
    v1::ExchangeResponse response;
    while (response.results().empty()) ASSERT_TRUE(stream->Read(&response));
    token = response.results(0).login().session().session_token();
    ASSERT_FALSE(token.empty());
    Restart();
    EXPECT_FALSE(stream->Finish().ok());
  }
  Call call;
  const auto stub = Maildrop();
  const auto stream = stub->Exchange(&call);
  v1::ExchangeRequest request;
  request.add_operations()->mutable_resume()->set_session_token(token);
  v1::Operation* commit = request.add_operations();
  commit->set_id(1);
  commit->mutable_commit()->set_session_token(token);
  commit->mutable_commit()->add_delete_uids()->set_first(1);
  commit->mutable_commit()->mutable_delete_uids(0)->set_last(1);
  stream->Write(request);
  std::vector<v1::Result> results;
  v1::ExchangeResponse response;
  while (results.size() < 2 && stream->Read(&response)) {
    for (const v1::Result& result : response.results()) results.push_back(result);
  }
  EXPECT_TRUE(results.at(0).has_resume()) << results.at(0).error().message();
  EXPECT_EQ(results.at(1).commit().deleted(), 1u) << results.at(1).error().message();
}

TEST_F(MaildropRpc, PartsOfMessagesAreReadInOneCall) {
  v1::ReadRequest request;
  request.set_session_token(Login("ann@example.org"));
  request.add_parts()->set_uid(1);
  v1::ReadPart* top = request.add_parts();
  top->set_uid(1);
  top->mutable_top()->set_body_lines(1);
  v1::ReadPart* range = request.add_parts();
  range->set_uid(2);
  range->mutable_range()->set_offset(9);
  range->mutable_range()->set_length(6);
  request.add_parts()->set_uid(99);
  request.add_parts()->set_uid(2);
  std::vector<std::string> data;
  std::vector<v1::ErrorReason> errors;
  ASSERT_TRUE(Read(request, &data, &errors).ok());
  EXPECT_EQ(data.at(0), kFirst);
  EXPECT_EQ(data.at(1), "Subject: first\r\n\r\nline one\r\n");
  EXPECT_EQ(data.at(2), "second");
  EXPECT_EQ(errors.at(3), v1::ERROR_REASON_NO_SUCH_MESSAGE);
  EXPECT_EQ(data.at(4), kSecond);
}

TEST_F(MaildropRpc, AReadingNeedsALivingSession) {
  v1::ReadRequest request;
  request.set_session_token("forged");
  request.add_parts()->set_uid(1);
  std::vector<std::string> data;
  std::vector<v1::ErrorReason> errors;
  EXPECT_EQ(ReasonOf(Read(request, &data, &errors)), v1::ERROR_REASON_BAD_TOKEN);
  request.set_session_token(Login("ann@example.org"));
  clock_.Advance(absl::Seconds(31));
  EXPECT_EQ(ReasonOf(Read(request, &data, &errors)), v1::ERROR_REASON_LEASE_LOST);
}

TEST_F(MaildropRpc, ABodyThatIsCorruptOrOutOfReachFailsItsPieceOnly) {
  v1::ReadRequest request;
  request.set_session_token(Login("ann@example.org"));
  request.add_parts()->set_uid(1);
  request.add_parts()->set_uid(2);
  std::vector<std::string> data;
  std::vector<v1::ErrorReason> errors;
  engine().FailNext(engine::MemoryEngine::Call::kReadBody,
                    MakeError(v1::ERROR_REASON_CORRUPT, "checksum"));
  ASSERT_TRUE(Read(request, &data, &errors).ok());
  EXPECT_EQ(errors.at(0), v1::ERROR_REASON_CORRUPT);
  EXPECT_EQ(data.at(1), kSecond);
  engine().FailNext(engine::MemoryEngine::Call::kReadBody,
                    MakeError(v1::ERROR_REASON_STORE_FAILURE, "disk"));
  ASSERT_TRUE(Read(request, &data, &errors).ok());
  EXPECT_EQ(errors.at(0), v1::ERROR_REASON_STORE_FAILURE);
}

}  // namespace
}  // namespace restante::rpc
