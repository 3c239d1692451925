// What becomes of mail and sessions when an account is renamed, or a protocol is
// switched off for it.
#include <gtest/gtest.h>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class AccountChangesTest : public StoreTest {
 protected:
  absl::Status Rename(const std::string& from, const std::string& to) {
    return SyncWait(store().accounts().Rename(from, to, false)).status();
  }
  absl::Status Change(const std::string& address, const AccountChange& change) {
    return SyncWait(store().accounts().Update(address, change)).status();
  }
  absl::StatusOr<Authenticated> Authenticate(const std::string& address,
                                             const std::string& protocol) {
    ClientInfo client;
    client.protocol = protocol;
    return SyncWait(store().accounts().AuthenticatePassword(address, "secret", client));
  }
};

TEST_F(AccountChangesTest, ARenamedAccountKeepsItsMailUidsAndUidls) {
  CreateAccount("anna@example.org");
  Deliver("anna@example.org", MessageOf(100, "one"));
  Deliver("anna@example.org", MessageOf(100, "two"));
  ASSERT_THAT(SyncWait(store().mailboxes().Create("anna@example.org", "Archive", {})).status(),
              IsOk());
  const OpenedMaildrop before = Session("anna@example.org");
  Close(before);
  ASSERT_THAT(Rename("anna@example.org", "anne@example.com"), IsOk());
  Crash();
  const OpenedMaildrop after = Session("anne@example.com");
  EXPECT_EQ(after.uidvalidity, before.uidvalidity);
  ASSERT_EQ(after.rows.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after.rows[i].uid, before.rows[i].uid);
    EXPECT_EQ(after.rows[i].uidl, before.rows[i].uidl);
  }
  EXPECT_EQ(*Read(after, 2), MessageOf(100, "two"));
  EXPECT_EQ(Status("anne@example.com", "Archive").message_count, 0u);
  EXPECT_THAT(Deliver("anna@example.org", "x\r\n").status,
              HasReason(v1::ERROR_REASON_NO_SUCH_ACCOUNT));
  EXPECT_THAT(Deliver("anne@example.com", "x\r\n").status, IsOk());
  ExpectClean();
}

TEST_F(AccountChangesTest, ASessionGoesOnWhenItsAccountIsRenamed) {
  CreateAccount("anna");
  Deliver("anna", MessageOf(100));
  Deliver("anna", MessageOf(200));
  const OpenedMaildrop session = Session("anna");
  ASSERT_THAT(Rename("anna", "anne"), IsOk());
  EXPECT_EQ(*Read(session, 1), MessageOf(100));
  EXPECT_THAT(Login("anne").status(), HasReason(v1::ERROR_REASON_IN_USE));
  EXPECT_THAT(Commit(session, {{1, 1}}).status(), IsOk());
  EXPECT_EQ(Status("anne").message_count, 1u);
  ExpectClean();
}

TEST_F(AccountChangesTest, ADeliveryUnderWayReachesARenamedAccount) {
  CreateAccount("anna");
  Envelope envelope;
  envelope.recipients = {"anna"};
  auto delivery = *SyncWait(store().deliveries().Begin(envelope));
  ASSERT_THAT(Rename("anna", "anne"), IsOk());
  ASSERT_THAT(SyncWait(delivery->Append(MessageOf(100))), IsOk());
  EXPECT_THAT(SyncWait(delivery->Finish()).at(0).status, IsOk());
  EXPECT_EQ(Status("anne").message_count, 1u);
}

TEST_F(AccountChangesTest, ARetryOfADeliveryUnderTheNewAddressStoresNothing) {
  CreateAccount("anna");
  const RecipientResult first = Deliver("anna", MessageOf(100), "queue-1");
  ASSERT_THAT(Rename("anna", "anne"), IsOk());
  EXPECT_EQ(Deliver("anne", MessageOf(100), "queue-1").uid, first.uid);
  EXPECT_EQ(Status("anne").message_count, 1u);
}

TEST_F(AccountChangesTest, WhatARenamedAccountHoldsCountsForItsNewDomain) {
  CreateAccount("anna@example.org");
  CreateAccount("bert@example.com");
  Deliver("anna@example.org", MessageOf(100));
  for (const char* domain : {"example.org", "example.com"}) {
    DomainQuotaChange change;
    change.total.messages = 1;
    ASSERT_THAT(SyncWait(store().accounts().SetDomainQuota(domain, change)).status(), IsOk());
  }
  const auto used = [this](const char* domain) {
    return SyncWait(store().accounts().ListDomainQuotas(domain))->domains.at(0).used.messages;
  };
  EXPECT_EQ(used("example.org"), 1u);
  EXPECT_EQ(used("example.com"), 0u);
  ASSERT_THAT(Rename("anna@example.org", "anna@example.com"), IsOk());
  EXPECT_EQ(used("example.org"), 0u);
  EXPECT_EQ(used("example.com"), 1u);
  EXPECT_THAT(Deliver("bert@example.com", "x\r\n").status,
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
  Delete("anna@example.com", {{1, 1}});
  EXPECT_THAT(Deliver("bert@example.com", "x\r\n").status, IsOk());
}

TEST_F(AccountChangesTest, Pop3CanBeSwitchedOffAlone) {
  CreateAccount("anna");
  Deliver("anna", MessageOf(100));
  const OpenedMaildrop session = Session("anna");
  const auto token = Authenticate("anna", "pop3");
  ASSERT_THAT(token.status(), IsOk());
  AccountChange off;
  off.pop3_disabled = true;
  ASSERT_THAT(Change("anna", off), IsOk());
  EXPECT_THAT(Login("anna").status(), HasReason(v1::ERROR_REASON_PROTOCOL_DISABLED));
  EXPECT_THAT(Authenticate("anna", "pop3").status(),
              HasReason(v1::ERROR_REASON_PROTOCOL_DISABLED));
  const auto opened = SyncWait(
      store().maildrops().Open(kUnaryLease, token->auth_token, {}, 64, session_options_));
  EXPECT_FALSE(opened.ok()) << "nor by a token from before";
  const auto imap = Authenticate("anna", "imap");
  ASSERT_THAT(imap.status(), IsOk());
  const auto by_imap = SyncWait(
      store().maildrops().Open(kUnaryLease, imap->auth_token, {}, 64, session_options_));
  EXPECT_THAT(by_imap.status(), HasReason(v1::ERROR_REASON_PROTOCOL_DISABLED))
      << "a maildrop is POP3's, whatever the token was for";
  EXPECT_EQ(*Read(session, 1), MessageOf(100)) << "who is logged in stays so";
  Close(session);
  EXPECT_THAT(Deliver("anna", "x\r\n").status, IsOk());
  const auto wrong =
      SyncWait(store().accounts().AuthenticatePassword("anna", "wrong", {.protocol = "pop3"}));
  EXPECT_THAT(wrong.status(), HasReason(v1::ERROR_REASON_BAD_CREDENTIALS))
      << "told only to who knows the password";
  Crash();
  EXPECT_THAT(Login("anna").status(), HasReason(v1::ERROR_REASON_PROTOCOL_DISABLED));
  AccountChange on;
  on.pop3_disabled = false;
  ASSERT_THAT(Change("anna", on), IsOk());
  EXPECT_THAT(Login("anna").status(), IsOk());
}

TEST_F(AccountChangesTest, ImapCanBeSwitchedOffAlone) {
  CreateAccount("anna");
  AccountChange off;
  off.imap_disabled = true;
  ASSERT_THAT(Change("anna", off), IsOk());
  EXPECT_THAT(Authenticate("anna", "imap").status(),
              HasReason(v1::ERROR_REASON_PROTOCOL_DISABLED));
  EXPECT_THAT(Authenticate("anna", "pop3").status(), IsOk());
  EXPECT_THAT(Login("anna").status(), IsOk());
  const AccountInfo info = *SyncWait(store().accounts().Get("anna"));
  EXPECT_TRUE(info.imap_disabled);
  EXPECT_FALSE(info.pop3_disabled);
}

}  // namespace
}  // namespace restante::store
