// Quotas of accounts and domains: in octets and messages, inherited, with a grace.
#include "storage-service/store/quota.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

constexpr uint64_t kNoLimit = 0;

class QuotaTest : public StoreTest {
 protected:
  void SetQuota(const std::string& address, QuotaChange quota) {
    AccountChange change;
    change.quota = quota;
    ASSERT_THAT(SyncWait(store().accounts().Update(address, change)).status(), IsOk());
  }
  DomainQuota SetDomain(const std::string& domain, QuotaChange accounts, QuotaChange total) {
    const auto set = SyncWait(store().accounts().SetDomainQuota(domain, {accounts, total}));
    EXPECT_THAT(set.status(), IsOk());
    return set.ok() ? *set : DomainQuota();
  }
  // With its usage counted to the end.
  DomainQuota Domain(const std::string& domain) {
    const auto list = SyncWait(store().accounts().ListDomainQuotas(domain));
    EXPECT_THAT(list.status(), IsOk());
    return list.ok() && list->domains.size() == 1 ? list->domains[0] : DomainQuota();
  }
  AccountInfo Info(const std::string& address) {
    return *SyncWait(store().accounts().Get(address));
  }
  absl::Status Append(const std::string& address, const std::string& message) {
    auto appending = SyncWait(store().mailboxes().Append(address, "INBOX"));
    if (!appending.ok()) return appending.status();
    absl::Status status = SyncWait((*appending)->Begin({}, false, message.size()));
    if (status.ok()) status = SyncWait((*appending)->Add(message));
    if (status.ok()) status = SyncWait((*appending)->End());
    if (status.ok()) status = SyncWait((*appending)->Finish()).status();
    return status;
  }
};

TEST_F(QuotaTest, CountsMessagesToo) {
  CreateAccount("anna");
  SetQuota("anna", {.messages = 2});
  EXPECT_THAT(Deliver("anna", "1\r\n").status, IsOk());
  EXPECT_THAT(Append("anna", "2\r\n"), IsOk());
  const absl::Status refused = Deliver("anna", "").status;
  EXPECT_THAT(refused, HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("2 messages"));
  EXPECT_THAT(Append("anna", "3\r\n"), HasReason(v1::ERROR_REASON_OVER_QUOTA));
  const auto checks = SyncWait(store().deliveries().CheckRecipients({"anna"}, 0));
  EXPECT_THAT(checks[0].status, HasReason(v1::ERROR_REASON_OVER_QUOTA)) << "known at RCPT";
  Delete("anna", {{1, 1}});
  EXPECT_THAT(Deliver("anna", "3\r\n").status, IsOk());
  ExpectClean();
}

TEST_F(QuotaTest, CountsTheMessagesOfAllMailboxes) {
  CreateAccount("anna");
  SetQuota("anna", {.messages = 3});
  ASSERT_THAT(SyncWait(store().mailboxes().Create("anna", "Archive", {})).status(), IsOk());
  Deliver("anna", "1\r\n");
  ASSERT_THAT(SyncWait(store().mailboxes().Copy("anna", "INBOX", {{1, 1}}, "Archive")).status(),
              IsOk());
  EXPECT_THAT(Deliver("anna", "2\r\n").status, IsOk());
  EXPECT_THAT(SyncWait(store().mailboxes().Copy("anna", "INBOX", {{1, 1}}, "Archive")).status(),
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
}

TEST_F(QuotaTest, IsExactForMessagesUnderWay) {
  CreateAccount("anna");
  SetQuota("anna", {.messages = 3});
  engine().HoldCommits();
  std::vector<Started<std::vector<RecipientResult>>> deliveries;
  for (int i = 0; i < 10; ++i) deliveries.emplace_back(DeliverTask(MessageOf(100), {"anna"}));
  engine().ReleaseCommits();
  int taken = 0;
  for (auto& delivery : deliveries) taken += delivery.Get().at(0).status.ok() ? 1 : 0;
  EXPECT_EQ(taken, 3);
  EXPECT_EQ(Status("anna").message_count, 3u);
  ExpectClean();
}

TEST_F(QuotaTest, OneLastDeliveryMayGoOverItByTheGrace) {
  options_.quota_grace = {10, 0};
  CreateAccount("anna", 1000);
  ASSERT_THAT(Deliver("anna", MessageOf(900)).status, IsOk());
  const uint64_t used = Status("anna").octets;
  ASSERT_LT(used, 1000u);
  EXPECT_THAT(Append("anna", std::string(1101 - used, 'x') + "\r\n"),
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_THAT(Append("anna", std::string(1050 - used, 'x') + "\r\n"),
              HasReason(v1::ERROR_REASON_OVER_QUOTA))
      << "the user can make room, so the grace isn't for appended mail";
  EXPECT_THAT(Deliver("anna", std::string(1099 - used, 'x') + "\r\n").status,
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_THAT(Deliver("anna", std::string(1098 - used, 'x') + "\r\n").status, IsOk());
  EXPECT_EQ(Status("anna").octets, 1100u);
  EXPECT_THAT(Deliver("anna", "\r\n").status, HasReason(v1::ERROR_REASON_OVER_QUOTA));
}

TEST_F(QuotaTest, OnlyOneDeliveryOfManyAtOnceGetsTheGrace) {
  options_.quota_grace = {0, 10'000};
  CreateAccount("anna", 2000);
  engine().HoldCommits();
  std::vector<Started<std::vector<RecipientResult>>> deliveries;
  for (int i = 0; i < 10; ++i) deliveries.emplace_back(DeliverTask(MessageOf(1500), {"anna"}));
  engine().ReleaseCommits();
  int taken = 0;
  for (auto& delivery : deliveries) taken += delivery.Get().at(0).status.ok() ? 1 : 0;
  EXPECT_EQ(taken, 2) << "one below the quota, and one over it";
}

TEST_F(QuotaTest, IsInheritedFromTheDomainAndTheService) {
  options_.quota = {5000, 10};
  CreateAccount("anna@example.org");
  CreateAccount("bert@example.com");
  EXPECT_EQ(Info("anna@example.org").effective_quota, (Quota{5000, 10}));
  EXPECT_EQ(Info("anna@example.org").quota_octets, 5000u);
  SetDomain("Example.ORG", {.octets = 2000, .messages = kNoLimit}, {});
  EXPECT_EQ(Info("anna@example.org").effective_quota, (Quota{2000, kNoLimit}));
  EXPECT_EQ(Info("bert@example.com").effective_quota, (Quota{5000, 10}));
  SetQuota("anna@example.org", {.octets = 1000});
  EXPECT_EQ(Info("anna@example.org").effective_quota, (Quota{1000, kNoLimit}));
  EXPECT_THAT(Deliver("anna@example.org", MessageOf(1500)).status,
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
  SetQuota("anna@example.org", {.octets = kNoLimit});
  EXPECT_THAT(Deliver("anna@example.org", MessageOf(50'000)).status, IsOk());
  SetQuota("anna@example.org", {.octets = std::optional<uint64_t>()});
  EXPECT_EQ(Info("anna@example.org").effective_quota, (Quota{2000, kNoLimit}));
  Crash();
  EXPECT_EQ(Info("anna@example.org").effective_quota, (Quota{2000, kNoLimit}));
  SetDomain("example.org", {std::optional<uint64_t>(), std::optional<uint64_t>()}, {});
  EXPECT_EQ(Info("anna@example.org").effective_quota, (Quota{5000, 10}));
  EXPECT_TRUE(SyncWait(store().accounts().ListDomainQuotas(""))->domains.empty());
}

TEST_F(QuotaTest, OfADomainCountsAllItsAccounts) {
  for (const char* address : {"anna@example.org", "bert@example.org", "carl@example.com"}) {
    CreateAccount(address);
    ASSERT_THAT(Deliver(address, MessageOf(1000)).status, IsOk());
  }
  const uint64_t one = Status("anna@example.org").octets;
  SetDomain("example.org", {}, {.octets = 3 * one, .messages = 10});
  const DomainQuota before = Domain("example.org");
  EXPECT_TRUE(before.used_known);
  EXPECT_EQ(before.used, (Holding{2 * one, 2}));
  EXPECT_THAT(Deliver("anna@example.org", MessageOf(1000)).status, IsOk());
  const absl::Status refused = Deliver("bert@example.org", MessageOf(1000)).status;
  EXPECT_THAT(refused, HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("domain example.org"));
  EXPECT_THAT(Deliver("carl@example.com", MessageOf(1000)).status, IsOk());
  Delete("anna@example.org", {{1, 1}});
  EXPECT_THAT(Deliver("bert@example.org", MessageOf(1000)).status, IsOk());
  EXPECT_EQ(Domain("example.org").used, (Holding{3 * one, 3}));
  ASSERT_THAT(SyncWait(store().accounts().Delete("bert@example.org")), IsOk());
  EXPECT_EQ(Domain("example.org").used, (Holding{one, 1}));
}

TEST_F(QuotaTest, OfADomainIsCountedAgainAfterARestart) {
  CreateAccount("anna@example.org");
  SetDomain("example.org", {}, {.messages = 2});
  CreateAccount("bert@example.org");
  Deliver("anna@example.org", "1\r\n");
  Deliver("bert@example.org", "2\r\n");
  EXPECT_EQ(Domain("example.org").used.messages, 2u);
  Crash();
  EXPECT_EQ(Domain("example.org").used.messages, 2u);
  EXPECT_THAT(Deliver("bert@example.org", "3\r\n").status,
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
  SetDomain("example.org", {}, {.messages = kNoLimit});
  EXPECT_THAT(Deliver("bert@example.org", "3\r\n").status, IsOk());
  EXPECT_FALSE(Domain("example.org").used_known);
}

TEST_F(QuotaTest, OfADomainIsExactOnceItIsCounted) {
  std::vector<std::string> addresses;
  for (int i = 0; i < 5; ++i) {
    addresses.push_back(absl::StrCat("user", i, "@example.org"));
    CreateAccount(addresses.back());
  }
  SetDomain("example.org", {}, {.messages = 7});
  EXPECT_EQ(Domain("example.org").used.messages, 0u);
  engine().HoldCommits();
  std::vector<Started<std::vector<RecipientResult>>> deliveries;
  for (int i = 0; i < 20; ++i) {
    deliveries.emplace_back(DeliverTask(MessageOf(100), {addresses[i % 5]}));
  }
  engine().ReleaseCommits();
  int taken = 0;
  for (auto& delivery : deliveries) taken += delivery.Get().at(0).status.ok() ? 1 : 0;
  EXPECT_EQ(taken, 7);
  EXPECT_EQ(Domain("example.org").used.messages, 7u);
}

TEST_F(QuotaTest, WhatFailsIsGivenBack) {
  CreateAccount("anna@example.org");
  SetQuota("anna@example.org", {.messages = 1});
  SetDomain("example.org", {}, {.messages = 1});
  EXPECT_EQ(Domain("example.org").used.messages, 0u);
  engine().FailNext(MemoryEngine::Call::kCommit,
                    MakeError(v1::ERROR_REASON_STORE_FULL, "no room"));
  EXPECT_THAT(Deliver("anna@example.org", "1\r\n").status,
              HasReason(v1::ERROR_REASON_STORE_FULL));
  EXPECT_THAT(Deliver("anna@example.org", "1\r\n").status, IsOk());
  EXPECT_EQ(Domain("example.org").used.messages, 1u);
}

TEST(QuotaGrace, IsTheLargerOfTheTwo) {
  EXPECT_EQ((QuotaGrace{10, 0}.Of(1'000'000)), 100'000u);
  EXPECT_EQ((QuotaGrace{10, 0}.Of(55)), 5u);
  EXPECT_EQ((QuotaGrace{10, 500'000}.Of(1'000'000)), 500'000u);
  EXPECT_EQ((QuotaGrace{0, 0}.Of(1'000'000)), 0u);
  EXPECT_EQ((QuotaGrace{1000, 0}.Of(UINT64_MAX / 1000)),
            UINT64_MAX / 1000 / 100 * 1000 + UINT64_MAX / 1000 % 100 * 10);
}

}  // namespace
}  // namespace restante::store
