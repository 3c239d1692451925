// DeliveryService, MailboxesService and AdminService as a client sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "tests/rpc/real_store.h"

namespace restante::rpc {
namespace {

class DeliveryRpc : public RealStore {
 protected:
  grpc::Status Deliver(const v1::DeliverRequest& request, v1::DeliverResponse* response) {
    Call call;
    return Delivery()->Deliver(&call, request, response);
  }
  using RealStore::Deliver;

  // The whole message with this UID.
  std::string Fetch(const std::string& address, uint32_t uid) {
    Call call;
    v1::FetchMessagesRequest request;
    request.set_address(address);
    request.add_parts()->set_uid(uid);
    const auto stub = Mailboxes();
    const auto reader = stub->FetchMessages(&call, request);
    std::string data;
    v1::FetchMessagesResponse frame;
    while (reader->Read(&frame)) {
      for (const v1::ReadPiece& piece : frame.pieces()) data += piece.data();
    }
    EXPECT_TRUE(reader->Finish().ok());
    return data;
  }
};

TEST_F(DeliveryRpc, EveryRecipientHasAResultOfItsOwn) {
  CreateAccount("ann@example.org");
  CreateAccount("full@example.org", 3);
  v1::DeliverRequest request;
  for (const char* recipient :
       {"ann+list@example.org", "nobody@example.org", "@", "full@example.org"}) {
    request.mutable_envelope()->add_recipients(recipient);
  }
  request.set_message("Subject: x\n\nbare LF");
  v1::DeliverResponse response;
  ASSERT_TRUE(Deliver(request, &response).ok());
  ASSERT_EQ(response.results_size(), 4);
  EXPECT_EQ(response.results(0).status().code(), 0);
  EXPECT_EQ(response.results(0).uid(), 1u);
  EXPECT_EQ(response.results(0).mailbox_id().size(), 32u);
  EXPECT_EQ(ReasonOf(response.results(1).status()), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(response.results(2).status()), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_EQ(ReasonOf(response.results(3).status()), v1::ERROR_REASON_OVER_QUOTA);
  EXPECT_EQ(Fetch("ann@example.org", 1), "Subject: x\r\n\r\nbare LF\r\n");
}

TEST_F(DeliveryRpc, TheAnswerNamesTheMailbox) {
  CreateAccount("ann@example.org");
  EXPECT_EQ(Deliver("ann+Lists@example.org", "x").results(0).mailbox(), "INBOX");
  Call call;
  v1::CreateMailboxRequest create;
  create.set_address("ann@example.org");
  create.set_mailbox("Lists");
  v1::CreateMailboxResponse created;
  ASSERT_TRUE(Mailboxes()->CreateMailbox(&call, create, &created).ok());
  const v1::DeliverResponse response = Deliver("ann+lists@example.org", "x");
  EXPECT_EQ(response.results(0).mailbox(), "Lists");
  EXPECT_EQ(response.results(0).mailbox_id(), created.status().mailbox_id());
}

TEST_F(DeliveryRpc, AUnaryDeliveryHasAGreatestSize) {
  CreateAccount("ann");
  v1::DeliverRequest request;
  request.mutable_envelope()->add_recipients("ann");
  request.set_message(std::string((1 << 20) + 1, 'x'));
  v1::DeliverResponse response;
  const grpc::Status status = Deliver(request, &response);
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_TOO_LARGE);
  EXPECT_EQ(ErrorMetadataOf(FromGrpcStatus(status)).at("limit_octets"), "1048576");
  request.set_message(std::string(1 << 20, 'x'));
  ASSERT_TRUE(Deliver(request, &response).ok());
  EXPECT_EQ(response.results(0).status().code(), 0);
}

TEST_F(DeliveryRpc, AnEnvelopeNeedsRecipients) {
  v1::DeliverRequest request;
  request.set_message("x");
  v1::DeliverResponse response;
  EXPECT_EQ(ReasonOf(Deliver(request, &response)), v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(DeliveryRpc, ADeliveryIdMakesARepetitionHarmless) {
  CreateAccount("ann");
  v1::DeliverRequest request;
  request.mutable_envelope()->add_recipients("ann");
  request.mutable_envelope()->set_delivery_id("queue-7");
  request.set_message("Subject: once\r\n\r\n");
  v1::DeliverResponse first;
  v1::DeliverResponse second;
  ASSERT_TRUE(Deliver(request, &first).ok());
  ASSERT_TRUE(Deliver(request, &second).ok());
  EXPECT_EQ(second.results(0).uid(), first.results(0).uid());
  Deliver("ann", "Subject: another\r\n\r\n");
  Call call;
  v1::GetMailboxRequest get;
  get.set_address("ann");
  v1::GetMailboxResponse mailbox;
  ASSERT_TRUE(Mailboxes()->GetMailbox(&call, get, &mailbox).ok());
  EXPECT_EQ(mailbox.status().message_count(), 2u);
}

TEST_F(DeliveryRpc, AFailingStoreIsToldPerRecipient) {
  CreateAccount("ann");
  engine().FailAll(engine::MemoryEngine::Call::kCommit,
                   MakeError(v1::ERROR_REASON_STORE_FAILURE, "disk"));
  const v1::DeliverResponse response = Deliver("ann", "x");
  ASSERT_EQ(response.results_size(), 1);
  EXPECT_EQ(ReasonOf(response.results(0).status()), v1::ERROR_REASON_STORE_FAILURE);
  engine().StopFailing();
}

TEST_F(DeliveryRpc, LargeMessagesAlternateOnOneStream) {
  CreateAccount("ann");
  CreateAccount("bob");
  std::map<std::string, std::string> messages;
  for (const char* user : {"ann", "bob"}) {
    std::string& message = messages[user];
    message = absl::StrCat("Subject: ", user, "\r\n\r\n");
    for (int line = 0; message.size() < (3 << 20); ++line) {
      absl::StrAppend(&message, user, " writes line ", line, "\r\n");
    }
  }
  Call call;
  const auto stub = Delivery();
  const auto stream = stub->DeliverStream(&call);
  constexpr size_t kPart = 200'000;
  size_t offset = 0;
  for (bool more = true; more;) {
    more = false;
    v1::DeliverStreamRequest request;
    uint64_t id = 0;
    for (const auto& [user, message] : messages) {
      ++id;
      if (offset >= message.size()) continue;
      v1::DeliveryPart* part = request.add_parts();
      part->set_id(id);
      if (offset == 0) part->mutable_envelope()->add_recipients(user);
      part->set_data(message.substr(offset, kPart));
      part->set_last(offset + kPart >= message.size());
      more = true;
    }
    offset += kPart;
    if (more) {
      ASSERT_TRUE(stream->Write(request));
    }
  }
  stream->WritesDone();
  v1::DeliverStreamResponse response;
  int delivered = 0;
  while (stream->Read(&response)) {
    for (const v1::DeliveryResult& result : response.results()) {
      EXPECT_EQ(result.delivered().results(0).status().code(), 0);
      ++delivered;
    }
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(delivered, 2);
  EXPECT_EQ(Fetch("ann", 1), messages["ann"]);
  EXPECT_EQ(Fetch("bob", 1), messages["bob"]);
}

TEST_F(DeliveryRpc, RecipientsCanBeCheckedBeforehand) {
  CreateAccount("ann");
  CreateAccount("full", 10);
  Call call;
  v1::CheckRecipientsRequest request;
  for (const char* recipient : {"ann", "nobody", "full"}) request.add_recipients(recipient);
  request.set_declared_octets(12);
  v1::CheckRecipientsResponse response;
  ASSERT_TRUE(Delivery()->CheckRecipients(&call, request, &response).ok());
  ASSERT_EQ(response.statuses_size(), 3);
  EXPECT_EQ(response.statuses(0).code(), 0);
  EXPECT_EQ(ReasonOf(response.statuses(1)), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(response.statuses(2)), v1::ERROR_REASON_OVER_QUOTA);

  Call too_many;
  request.mutable_recipients()->Clear();
  for (int i = 0; i < 1001; ++i) request.add_recipients("ann");
  EXPECT_EQ(ReasonOf(Delivery()->CheckRecipients(&too_many, request, &response)),
            v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(DeliveryRpc, MailboxesShowTheirStatusAndRows) {
  CreateAccount("ann");
  Deliver("ann", "Subject: one\r\n\r\nbody\r\n");
  Deliver("ann", ".\r\n");
  Call list_call;
  v1::ListMailboxesRequest list;
  list.set_address("ann");
  v1::ListMailboxesResponse mailboxes;
  ASSERT_TRUE(Mailboxes()->ListMailboxes(&list_call, list, &mailboxes).ok());
  ASSERT_EQ(mailboxes.mailboxes_size(), 1);
  EXPECT_EQ(mailboxes.mailboxes(0).name(), "INBOX");

  Call get_call;
  v1::GetMailboxRequest get;
  get.set_address("ann");
  get.set_mailbox("inbox");
  v1::GetMailboxResponse mailbox;
  ASSERT_TRUE(Mailboxes()->GetMailbox(&get_call, get, &mailbox).ok());
  EXPECT_EQ(mailbox.status().SerializeAsString(), mailboxes.mailboxes(0).SerializeAsString());
  EXPECT_EQ(mailbox.status().message_count(), 2u);
  EXPECT_EQ(mailbox.status().octets(), 25u);
  EXPECT_EQ(mailbox.status().uid_next(), 3u);
  EXPECT_GT(mailbox.status().highest_modseq(), 1u);

  Call rows_call;
  v1::ListMessagesRequest rows;
  rows.set_address("ann");
  rows.set_limit(1);
  v1::ListMessagesResponse page;
  ASSERT_TRUE(Mailboxes()->ListMessages(&rows_call, rows, &page).ok());
  ASSERT_EQ(page.rows_size(), 1);
  EXPECT_FALSE(page.end());
  EXPECT_EQ(page.rows(0).uid(), 1u);
  EXPECT_EQ(page.rows(0).octets(), 22u);
  EXPECT_EQ(page.rows(0).header_octets(), 16u);
  EXPECT_EQ(page.rows(0).guid().size(), 32u);
  EXPECT_EQ(page.rows(0).internal_date().seconds(), 1'700'000'000);
  EXPECT_FALSE(page.rows(0).uidl().empty());
  EXPECT_GT(page.rows(0).modseq(), 1u);

  Call rest_call;
  rows.set_after_uid(1);
  ASSERT_TRUE(Mailboxes()->ListMessages(&rest_call, rows, &page).ok());
  ASSERT_EQ(page.rows_size(), 1);
  EXPECT_TRUE(page.rows(0).has_dot_line());
  EXPECT_TRUE(page.end());
}

TEST_F(DeliveryRpc, UnknownAccountsAndMailboxesAreNotFound) {
  CreateAccount("ann");
  const auto stub = Mailboxes();
  Call list_call;
  v1::ListMailboxesRequest list;
  list.set_address("nobody");
  v1::ListMailboxesResponse mailboxes;
  EXPECT_EQ(ReasonOf(stub->ListMailboxes(&list_call, list, &mailboxes)),
            v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  Call bad_call;
  list.set_address("@");
  EXPECT_EQ(ReasonOf(stub->ListMailboxes(&bad_call, list, &mailboxes)),
            v1::ERROR_REASON_BAD_ADDRESS);
  for (const auto& [address, mailbox, reason] :
       std::vector<std::tuple<std::string, std::string, v1::ErrorReason>>{
           {"nobody", "", v1::ERROR_REASON_NO_SUCH_ACCOUNT},
           {"ann", "Junk", v1::ERROR_REASON_NO_SUCH_MAILBOX}}) {
    Call get_call;
    v1::GetMailboxRequest get;
    get.set_address(address);
    get.set_mailbox(mailbox);
    v1::GetMailboxResponse status;
    EXPECT_EQ(ReasonOf(stub->GetMailbox(&get_call, get, &status)), reason);
    Call rows_call;
    v1::ListMessagesRequest rows;
    rows.set_address(address);
    rows.set_mailbox(mailbox);
    v1::ListMessagesResponse page;
    EXPECT_EQ(ReasonOf(stub->ListMessages(&rows_call, rows, &page)), reason);
    Call fetch_call;
    v1::FetchMessagesRequest fetch;
    fetch.set_address(address);
    fetch.set_mailbox(mailbox);
    fetch.add_parts()->set_uid(1);
    const auto reader = stub->FetchMessages(&fetch_call, fetch);
    EXPECT_EQ(ReasonOf(reader->Finish()), reason);
  }
  Call large_call;
  v1::ListMessagesRequest large;
  large.set_address("ann");
  large.set_limit(4097);
  v1::ListMessagesResponse page;
  EXPECT_EQ(ReasonOf(stub->ListMessages(&large_call, large, &page)),
            v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(DeliveryRpc, AVerificationOfASoundStoreIsClean) {
  CreateAccount("ann");
  Deliver("ann", "Subject: one\r\n\r\nbody\r\n");
  Call call;
  v1::VerifyRequest request;
  request.set_read_bodies(true);
  const auto stub = Admin();
  const auto reader = stub->Verify(&call, request);
  v1::VerifyResponse item;
  ASSERT_TRUE(reader->Read(&item));
  ASSERT_TRUE(item.has_summary()) << item.finding().where() << item.finding().message();
  EXPECT_EQ(item.summary().accounts(), 1u);
  EXPECT_EQ(item.summary().mailboxes(), 1u);
  EXPECT_EQ(item.summary().messages(), 1u);
  EXPECT_EQ(item.summary().octets(), 22u);
  EXPECT_EQ(item.summary().bodies(), 1u);
  EXPECT_EQ(item.summary().errors(), 0u);
  EXPECT_FALSE(reader->Read(&item));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(DeliveryRpc, StatsCoverTheStoreAndTheCalls) {
  CreateAccount("ann");
  Login("ann");
  Call call;
  v1::GetStatsResponse response;
  ASSERT_TRUE(Admin()->GetStats(&call, {}, &response).ok());
  EXPECT_EQ(response.values().at("sessions"), 1);
  EXPECT_EQ(response.values().at("rpc_calls_total"), 3);
  EXPECT_EQ(response.values().at("rpc_failures_total"), 0);
}

}  // namespace
}  // namespace restante::rpc
