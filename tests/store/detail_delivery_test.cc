// Deliveries to user+detail: into the mailbox that the detail names, or the INBOX.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "storage-service/store/mailbox_names.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class DetailDeliveryTest : public StoreTest {
 protected:
  void Make(const std::string& mailbox, std::vector<std::string> special_use = {},
            const std::string& address = "anna@example.org") {
    ASSERT_THAT(
        SyncWait(store().mailboxes().Create(address, mailbox, std::move(special_use))).status(),
        IsOk());
  }
  // The name of the mailbox that a message goes to.
  std::string Where(const std::string& recipient) {
    const RecipientResult result = Deliver(recipient, MessageOf(100));
    EXPECT_THAT(result.status, IsOk());
    return result.mailbox_name;
  }
  uint64_t Count(const std::string& mailbox) {
    return Status("anna@example.org", mailbox).message_count;
  }
};

TEST_F(DetailDeliveryTest, TheMailboxThatTheDetailNamesGetsTheMessage) {
  CreateAccount("anna@example.org");
  Make("lists/debian");
  const RecipientResult result = Deliver("anna+lists/debian@example.org", MessageOf(100));
  ASSERT_THAT(result.status, IsOk());
  EXPECT_EQ(result.mailbox, Status("anna@example.org", "lists/debian").id);
  EXPECT_EQ(result.mailbox_name, "lists/debian");
  EXPECT_EQ(result.uidvalidity, Status("anna@example.org", "lists/debian").uidvalidity);
  EXPECT_EQ(Count("lists/debian"), 1u);
  EXPECT_EQ(Count("INBOX"), 0u);
  EXPECT_TRUE(Uids(Session("anna@example.org")).empty()) << "POP3 sees INBOX alone";
  ExpectClean();
}

TEST_F(DetailDeliveryTest, WhatNamesNoMailboxGoesToTheInboxAndMakesNone) {
  CreateAccount("anna@example.org");
  Make("lists/debian");
  for (const char* detail : {"", "nothing", "debian", "lists/", "/lists", "lists//debian",
                             "inbox", "INBOX", "lists.debian"}) {
    EXPECT_EQ(Where(absl::StrCat("anna+", detail, "@example.org")), "INBOX") << detail;
  }
  EXPECT_EQ(SyncWait(store().mailboxes().List("anna@example.org"))->size(), 3u);
}

TEST_F(DetailDeliveryTest, TheExactNameGoesBeforeOneInAnotherCase) {
  CreateAccount("anna@example.org");
  Make("Lists");
  Make("\u00DCber");
  EXPECT_EQ(Where("anna+LISTS@example.org"), "Lists");
  EXPECT_EQ(Where("anna+\u00FCBER@example.org"), "\u00DCber");
  Make("LISTS");
  EXPECT_EQ(Where("anna+LISTS@example.org"), "LISTS");
  EXPECT_EQ(Where("anna+Lists@example.org"), "Lists");
  EXPECT_EQ(Where("anna+lists@example.org"), "INBOX") << "either could be meant";
  Make("INBOX/Work");
  EXPECT_EQ(Where("anna+inbox/Work@example.org"), "INBOX/Work");
}

TEST_F(DetailDeliveryTest, NoStrangerWritesIntoMailboxesWithASpecialUse) {
  CreateAccount("anna@example.org");
  Make("Outbox", {"\\Sent"});
  Make("Bin", {"\\Trash"});
  Make("Spam", {"\\Junk"});
  EXPECT_EQ(Where("anna+Outbox@example.org"), "INBOX");
  EXPECT_EQ(Where("anna+bin@example.org"), "INBOX");
  EXPECT_EQ(Where("anna+spam@example.org"), "Spam") << "as spam filters address it";
}

TEST_F(DetailDeliveryTest, AliasesWithOneTargetPassTheDetailOn) {
  CreateAccount("anna@example.org");
  CreateAccount("bert@example.org");
  Make("Lists");
  Make("Lists", {}, "bert@example.org");
  const auto add = [this](const std::string& address, std::vector<std::string> targets) {
    ASSERT_THAT(SyncWait(store().aliases().AddAlias(address, std::move(targets))).status(),
                IsOk());
  };
  add("info@example.org", {"anna@example.org"});
  add("all@example.org", {"anna@example.org", "bert@example.org"});
  add("list@example.org", {"anna+lists@example.org", "bert@example.org"});
  EXPECT_EQ(Where("info+Lists@example.org"), "Lists");
  EXPECT_EQ(Where("all+Lists@example.org"), "INBOX");
  EXPECT_EQ(Count("Lists"), 1u);
  EXPECT_EQ(Where("list@example.org"), "Lists") << "the first of the mailboxes";
  EXPECT_EQ(Count("Lists"), 2u);
  EXPECT_EQ(Status("bert@example.org", "Lists").message_count, 0u);
  EXPECT_EQ(Status("bert@example.org").message_count, 2u);
  ExpectClean();
}

TEST_F(DetailDeliveryTest, EachMailboxGetsACopyAndAllShareTheBody) {
  CreateAccount("anna@example.org");
  Make("Lists");
  const auto results = DeliverTo({"anna@example.org", "anna+Lists@example.org",
                                  "anna+lists@example.org", "anna+x@example.org"},
                                 MessageOf(100));
  for (const RecipientResult& result : results) EXPECT_THAT(result.status, IsOk());
  EXPECT_EQ(Count("INBOX"), 2u);
  EXPECT_EQ(Count("Lists"), 2u);
  EXPECT_EQ(BodyCount(), 1u);
  ExpectClean();
}

TEST_F(DetailDeliveryTest, ARetryIsRecognisedInItsMailbox) {
  CreateAccount("anna@example.org");
  Make("Lists");
  const std::vector<std::string> recipients = {"anna@example.org", "anna+Lists@example.org"};
  const auto first = DeliverTo(recipients, MessageOf(100), "queue-1");
  Crash();
  const auto again = DeliverTo(recipients, MessageOf(100), "queue-1");
  for (size_t i = 0; i < recipients.size(); ++i) {
    EXPECT_EQ(again[i].mailbox, first[i].mailbox);
    EXPECT_EQ(again[i].mailbox_name, first[i].mailbox_name);
    EXPECT_EQ(again[i].uid, first[i].uid);
  }
  // One at a time, as some MTAs try again.
  Deliver("anna+lists@example.org", MessageOf(100), "queue-1");
  EXPECT_EQ(Count("INBOX"), 1u);
  EXPECT_EQ(Count("Lists"), 1u);
  ExpectClean();
}

TEST_F(DetailDeliveryTest, TheAccountsQuotaCountsInEachMailbox) {
  options_.quota_grace = {0, 0};
  CreateAccount("anna@example.org", 2 * MessageOf(100).size());
  Make("Lists");
  EXPECT_EQ(Where("anna+Lists@example.org"), "Lists");
  EXPECT_EQ(Where("anna@example.org"), "INBOX");
  EXPECT_THAT(Deliver("anna+Lists@example.org", MessageOf(100)).status,
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
  ExpectClean();
}

TEST_F(DetailDeliveryTest, AMailboxThatIsGoneWhenTheMessageIsWholeIsAsIfItNeverWas) {
  CreateAccount("anna@example.org");
  Make("Lists");
  Envelope envelope;
  envelope.recipients = {"anna+Lists@example.org"};
  auto delivery = SyncWait(store().deliveries().Begin(std::move(envelope)));
  ASSERT_THAT(delivery.status(), IsOk());
  ASSERT_THAT(SyncWait((*delivery)->Append(MessageOf(100))), IsOk());
  ASSERT_THAT(SyncWait(store().mailboxes().Delete("anna@example.org", "Lists")), IsOk());
  const auto results = SyncWait((*delivery)->Finish());
  EXPECT_THAT(results.at(0).status, IsOk());
  EXPECT_EQ(results.at(0).mailbox_name, "INBOX");
}

TEST(MailboxNames, DifferInCaseAfterUnicode) {
  EXPECT_TRUE(DifferInCaseOnly("Lists/Debian", "lists/DEBIAN"));
  EXPECT_TRUE(DifferInCaseOnly("\u00DCBER", "\u00FCber"));
  EXPECT_FALSE(DifferInCaseOnly("Lists", "List"));
  EXPECT_FALSE(DifferInCaseOnly("\u00DCber", "Uber"));
}

}  // namespace
}  // namespace restante::store
