// Over the wire: what an import keeps, what UTF-8 makes of sizes, and what was deleted
// and comes back.
#include <gtest/gtest.h>

#include "tests/rpc/real_store.h"

namespace restante::rpc {
namespace {

class Past : public RealStore {
 protected:
  Past() { CreateAccount("ann@example.org"); }

  v1::RecipientResult Import(const v1::Envelope& envelope, const std::string& message) {
    Call call;
    v1::DeliverRequest request;
    *request.mutable_envelope() = envelope;
    request.mutable_envelope()->add_recipients("ann@example.org");
    request.set_message(message);
    v1::DeliverResponse response;
    const grpc::Status status = Delivery()->Deliver(&call, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.results_size() == 1 ? response.results(0) : v1::RecipientResult();
  }

  grpc::Status LoginWith(const v1::LoginRequest& request, v1::LoginResponse* response) {
    Call call;
    return Maildrop()->Login(&call, request, response);
  }

  v1::ListExpungedResponse Expunged() {
    Call call;
    v1::ListExpungedRequest request;
    request.set_address("ann@example.org");
    v1::ListExpungedResponse response;
    EXPECT_TRUE(Mailboxes()->ListExpunged(&call, request, &response).ok());
    return response;
  }

  grpc::Status Undelete(std::initializer_list<uint32_t> uids,
                        v1::UndeleteMessagesResponse* response) {
    Call call;
    v1::UndeleteMessagesRequest request;
    request.set_address("ann@example.org");
    for (const uint32_t uid : uids) request.add_uids(uid);
    return Mailboxes()->UndeleteMessages(&call, request, response);
  }
};

TEST_F(Past, AnImportKeepsUidlDateAndFlags) {
  v1::Envelope envelope;
  envelope.mutable_properties()->set_uidl("UID7-1");
  envelope.mutable_properties()->mutable_internal_date()->set_seconds(1'000'000'000);
  envelope.mutable_properties()->mutable_internal_date()->set_nanos(500'000'000);
  envelope.mutable_properties()->add_flags("\\Seen");
  const v1::RecipientResult first = Import(envelope, "Subject: x\r\n\r\n");
  EXPECT_EQ(first.uidl(), "UID7-1");
  EXPECT_FALSE(first.uidl_replaced());
  const v1::RecipientResult second = Import(envelope, "Subject: y\r\n\r\n");
  EXPECT_TRUE(second.uidl_replaced());
  EXPECT_NE(second.uidl(), "UID7-1");

  Call call;
  v1::ListMessagesRequest request;
  request.set_address("ann@example.org");
  v1::ListMessagesResponse response;
  ASSERT_TRUE(Mailboxes()->ListMessages(&call, request, &response).ok());
  EXPECT_EQ(response.rows(0).uidl(), "UID7-1");
  EXPECT_EQ(response.rows(0).internal_date().seconds(), 1'000'000'000);
  EXPECT_EQ(response.rows(0).internal_date().nanos(), 500'000'000);
  EXPECT_EQ(response.rows(0).flags(0), "\\Seen");
}

TEST_F(Past, ASessionIsToldTheSizesOfWhatItIsServed) {
  v1::Envelope envelope;
  envelope.set_smtputf8(true);
  const std::string message = "Subject: Gr\u00FCezi\r\n\r\nbody\r\n";
  Import(envelope, message);
  for (const bool utf8 : {true, false}) {
    v1::LoginRequest login;
    login.set_address("ann@example.org");
    login.set_password("secret");
    login.set_first_rows(1);
    login.mutable_options()->set_utf8(utf8);
    v1::LoginResponse session;
    ASSERT_TRUE(LoginWith(login, &session).ok());
    const std::string expected =
        utf8 ? message : "Subject: =?UTF-8?Q?Gr=C3=BCezi?=\r\n\r\nbody\r\n";
    EXPECT_EQ(session.session().octets(), expected.size());
    EXPECT_EQ(session.rows(0).octets(), expected.size());

    Call call;
    v1::ReadRequest read;
    read.set_session_token(session.session().session_token());
    read.add_parts()->set_uid(1);
    const auto reader = Messages()->Read(&call, read);
    std::string octets;
    v1::ReadResponse frame;
    while (reader->Read(&frame)) {
      for (const v1::ReadPiece& piece : frame.pieces()) octets += piece.data();
    }
    EXPECT_TRUE(reader->Finish().ok());
    EXPECT_EQ(octets, expected);

    Call closing;
    v1::CloseRequest close;
    close.set_session_token(session.session().session_token());
    v1::CloseResponse closed;
    EXPECT_TRUE(Maildrop()->Close(&closing, close, &closed).ok());
  }
}

TEST_F(Past, DeletedMessagesAreListedAndComeBack) {
  const v1::RecipientResult delivered = Import({}, "Subject: x\r\n\r\n");
  Call call;
  v1::CommitRequest commit;
  commit.set_session_token(Login("ann@example.org"));
  commit.set_close(true);
  v1::UidRange* range = commit.add_delete_uids();
  range->set_first(1);
  range->set_last(1);
  v1::CommitResponse committed;
  ASSERT_TRUE(Maildrop()->Commit(&call, commit, &committed).ok());

  const v1::ListExpungedResponse expunged = Expunged();
  ASSERT_EQ(expunged.messages_size(), 1);
  EXPECT_TRUE(expunged.end());
  EXPECT_EQ(expunged.messages(0).row().uid(), 1u);
  EXPECT_EQ(expunged.messages(0).row().uidl(), delivered.uidl());
  EXPECT_EQ(expunged.messages(0).expunged().seconds(), absl::ToUnixSeconds(clock_.Now()));

  v1::UndeleteMessagesResponse response;
  ASSERT_TRUE(Undelete({1}, &response).ok());
  ASSERT_EQ(response.messages_size(), 1);
  EXPECT_EQ(response.messages(0).old_uid(), 1u);
  EXPECT_EQ(response.messages(0).new_uid(), 2u);
  EXPECT_EQ(response.messages(0).uidl(), delivered.uidl());
  EXPECT_EQ(ReasonOf(Undelete({1}, &response)), v1::ERROR_REASON_NO_SUCH_MESSAGE);
  EXPECT_EQ(Expunged().messages_size(), 0);
}

TEST_F(Past, ACertificateIsNoCredentialWhereThereAreNoAuthorities) {
  v1::LoginRequest login;
  login.add_client_certificates("certificate");
  v1::LoginResponse session;
  EXPECT_EQ(ReasonOf(LoginWith(login, &session)), v1::ERROR_REASON_BAD_CREDENTIALS);
  login.set_password("secret");
  EXPECT_EQ(ReasonOf(LoginWith(login, &session)), v1::ERROR_REASON_INVALID_REQUEST);
}

}  // namespace
}  // namespace restante::rpc
