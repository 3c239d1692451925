// Policies of accounts and domains: inheritance, what they announce, and that both
// survive a restart and a crash at any commit.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Deletion = Pop3Policy::Deletion;

constexpr absl::Duration kPolicyDay = absl::Hours(24);

Pop3Policy ExpireArrived(absl::Duration after) {
  Pop3Policy policy;
  policy.expire_arrived = after;
  return policy;
}

class PoliciesTest : public StoreTest {
 protected:
  absl::StatusOr<AccountInfo> Update(const std::string& address, Pop3PolicyChange change) {
    AccountChange update;
    update.pop3_policy = std::move(change);
    return SyncWait(store().accounts().Update(address, update));
  }
  absl::Status SetDomain(const std::string& domain, const Pop3Policy& policy) {
    Pop3PolicyChange change{policy, true, true, true, true, true};
    return SyncWait(store().accounts().SetDomainPolicy(domain, change)).status();
  }
  DomainPolicies Domains() {
    absl::StatusOr<DomainPolicies> domains =
        SyncWait(store().accounts().ListDomainPolicies(""));
    EXPECT_THAT(domains.status(), IsOk());
    return domains.ok() ? *domains : DomainPolicies{};
  }
  AccountInfo Get(const std::string& address) {
    absl::StatusOr<AccountInfo> account = SyncWait(store().accounts().Get(address));
    EXPECT_THAT(account.status(), IsOk());
    return account.ok() ? *account : AccountInfo{};
  }
  Pop3Policy Effective(const std::string& address) {
    return Get(address).effective_pop3_policy;
  }
  // What a front-end that connects now is told.
  Pop3Announcement Announced() {
    Pop3Announcement announced;
    const LeaseId lease = store().maildrops().BeginLease(
        {.announce = [&](const Pop3Announcement& now) { announced = now; }});
    store().maildrops().EndLease(lease);
    return announced;
  }
};

TEST_F(PoliciesTest, WithoutAPolicyWhatIsDeletedIsExpungedAndNothingExpires) {
  const AccountInfo account = CreateAccount("anna@example.org");
  EXPECT_TRUE(Get("anna@example.org").pop3_policy.empty());
  EXPECT_EQ(Effective("anna@example.org"), DefaultPop3Policy());
  EXPECT_EQ(account.effective_pop3_policy, DefaultPop3Policy());
  EXPECT_EQ(Announced(), Pop3Announcement());
}

TEST_F(PoliciesTest, FieldsAreInheritedOneByOne) {
  options_.pop3_policy.login_delay = absl::Seconds(7);
  options_.pop3_policy.expire_arrived = kPolicyDay;
  CreateAccount("anna@example.org");
  Pop3Policy domain;
  domain.deletion = Deletion::kMove;
  domain.expire_arrived = absl::ZeroDuration();
  ASSERT_THAT(SetDomain("Example.ORG", domain), IsOk());
  Pop3Policy own;
  own.move_to = "Old";
  own.expire_retrieved = 3 * kPolicyDay;
  SetPolicy("anna@example.org", own);

  const Pop3Policy effective = Effective("anna@example.org");
  EXPECT_EQ(effective.deletion, Deletion::kMove);
  EXPECT_EQ(effective.move_to, "Old");
  EXPECT_EQ(effective.expire_retrieved, 3 * kPolicyDay);
  EXPECT_EQ(effective.expire_arrived, absl::ZeroDuration()) << "a zero overrides";
  EXPECT_EQ(effective.login_delay, absl::Seconds(7));
  EXPECT_EQ(Get("anna@example.org").pop3_policy, own);
}

TEST_F(PoliciesTest, AChangeLeavesTheFieldsAloneThatItDoesNotName) {
  CreateAccount("anna@example.org");
  Pop3Policy own = ExpireArrived(kPolicyDay);
  own.login_delay = absl::Seconds(5);
  SetPolicy("anna@example.org", own);
  Pop3PolicyChange change;
  change.to.deletion = Deletion::kHide;
  change.deletion = true;
  change.login_delay = true;
  ASSERT_THAT(Update("anna@example.org", change).status(), IsOk());
  const Pop3Policy now = Get("anna@example.org").pop3_policy;
  EXPECT_EQ(now.deletion, Deletion::kHide);
  EXPECT_EQ(now.expire_arrived, kPolicyDay);
  EXPECT_FALSE(now.login_delay) << "inherited again";
}

TEST_F(PoliciesTest, WhatIsOutOfRangeIsRefusedAndNamed) {
  CreateAccount("anna@example.org");
  Pop3Policy delay;
  delay.login_delay = absl::Hours(25);
  Pop3Policy inbox;
  inbox.move_to = "InBox";
  for (const Pop3Policy& wrong : {delay, ExpireArrived(-kPolicyDay), inbox}) {
    Pop3PolicyChange change{wrong, true, true, true, true, true};
    const absl::Status refused = Update("anna@example.org", change).status();
    EXPECT_THAT(refused, HasReason(v1::ERROR_REASON_INVALID_REQUEST));
    EXPECT_EQ(SetDomain("example.org", wrong).message(), refused.message());
  }
  EXPECT_THAT(SetDomain("not a domain", {}), HasReason(v1::ERROR_REASON_BAD_ADDRESS));
  EXPECT_THAT(SetDomain("", {}), HasReason(v1::ERROR_REASON_BAD_ADDRESS));
  EXPECT_TRUE(Get("anna@example.org").pop3_policy.empty());
}

TEST_F(PoliciesTest, DomainsAreListedUntilTheirPolicyIsTakenAway) {
  ASSERT_THAT(SetDomain("b.example", ExpireArrived(kPolicyDay)), IsOk());
  ASSERT_THAT(SetDomain("a.example", ExpireArrived(2 * kPolicyDay)), IsOk());
  DomainPolicies domains = Domains();
  ASSERT_EQ(domains.domains.size(), 2u);
  EXPECT_EQ(domains.domains[0].domain, "a.example");
  EXPECT_EQ(domains.domains[1].policy, ExpireArrived(kPolicyDay));
  EXPECT_EQ(domains.service_policy, DefaultPop3Policy());
  ASSERT_THAT(SetDomain("a.example", {}), IsOk());
  Crash();
  EXPECT_EQ(Domains().domains.size(), 1u);
}

TEST_F(PoliciesTest, TheStrictestOfAllIsAnnounced) {
  options_.pop3_policy.expire_arrived = 30 * kPolicyDay;
  CreateAccount("anna@example.org");
  CreateAccount("bert@example.org");
  Pop3Policy own = ExpireArrived(10 * kPolicyDay + absl::Hours(23));
  own.login_delay = absl::Milliseconds(1500);
  SetPolicy("anna@example.org", own);
  const Pop3Announcement strict = Announced();
  EXPECT_EQ(strict.expire_days, 10u);
  EXPECT_TRUE(strict.expire_differs);
  EXPECT_EQ(strict.login_delay_seconds, 2u);
  EXPECT_TRUE(strict.login_delay_differs);

  ASSERT_THAT(SetDomain("elsewhere.example", ExpireArrived(5 * kPolicyDay)), IsOk());
  EXPECT_EQ(Announced().expire_days, 5u) << "an account may be made there any time";
  ASSERT_THAT(SetDomain("elsewhere.example", {}), IsOk());
  EXPECT_EQ(Announced(), strict);
  SetPolicy("anna@example.org", {});
  EXPECT_FALSE(Announced().expire_differs);
}

TEST_F(PoliciesTest, ASessionIsToldItsOwn) {
  CreateAccount("anna@example.org");
  CreateAccount("bert@example.org");
  Pop3Policy own = ExpireArrived(3 * kPolicyDay);
  own.expire_retrieved = 2 * kPolicyDay;
  SetPolicy("anna@example.org", own);
  const Pop3Announcement anna = Session("anna@example.org").announcement;
  EXPECT_EQ(anna.expire_days, 2u);
  EXPECT_FALSE(anna.expire_differs);
  EXPECT_EQ(Session("bert@example.org").announcement, Pop3Announcement());
}

TEST_F(PoliciesTest, FrontEndsAreToldWhenItChanges) {
  CreateAccount("anna@example.org");
  std::vector<std::optional<uint32_t>> told;
  const LeaseId lease = store().maildrops().BeginLease(
      {.announce = [&](const Pop3Announcement& now) { told.push_back(now.expire_days); }});
  SetPolicy("anna@example.org", ExpireArrived(kPolicyDay));
  SetPolicy("anna@example.org", ExpireArrived(kPolicyDay));
  SetPolicy("anna@example.org", {});
  store().maildrops().EndLease(lease);
  SetPolicy("anna@example.org", ExpireArrived(kPolicyDay));
  EXPECT_THAT(told, testing::ElementsAre(std::nullopt, 1u, std::nullopt));
}

TEST_F(PoliciesTest, ADeletedAccountCountsNoMore) {
  CreateAccount("anna@example.org");
  SetPolicy("anna@example.org", ExpireArrived(kPolicyDay));
  ASSERT_THAT(SyncWait(store().accounts().Delete("anna@example.org")), IsOk());
  EXPECT_EQ(Announced(), Pop3Announcement());
  Crash();
  EXPECT_EQ(Announced(), Pop3Announcement());
}

TEST_F(PoliciesTest, AnAccountIsMadeWithNothingOfTheOneBefore) {
  CreateAccount("anna@example.org");
  SetPolicy("anna@example.org", ExpireArrived(kPolicyDay));
  ASSERT_THAT(SyncWait(store().accounts().Delete("anna@example.org")), IsOk());
  CreateAccount("anna@example.org");
  EXPECT_TRUE(Get("anna@example.org").pop3_policy.empty());
}

// The announcement after a crash at any commit is what the accounts' records say.
class PolicyCrashTest : public PoliciesTest, public testing::WithParamInterface<int> {};

TEST_P(PolicyCrashTest, TheAnnouncementIsWhatTheAccountSays) {
  for (const auto in_flight :
       {MemoryEngine::InFlight::kLost, MemoryEngine::InFlight::kDurable}) {
    Open();
    CreateAccount("anna@example.org");
    CreateAccount("bert@example.org");
    SetPolicy("anna@example.org", ExpireArrived(9 * kPolicyDay));
    engine().HoldCommits();
    AccountChange change;
    change.pop3_policy =
        Pop3PolicyChange{ExpireArrived(2 * kPolicyDay), true, true, true, true, true};
    Started<absl::StatusOr<AccountInfo>> update(
        store().accounts().Update("anna@example.org", change));
    for (int i = 0; i < GetParam(); ++i) engine().ReleaseCommits(1);
    Crash(in_flight);
    const Pop3Policy own = Get("anna@example.org").pop3_policy;
    EXPECT_TRUE(own == ExpireArrived(9 * kPolicyDay) || own == ExpireArrived(2 * kPolicyDay));
    EXPECT_EQ(Announced().expire_days, own == ExpireArrived(2 * kPolicyDay) ? 2u : 9u);
    // And nothing of it comes back.
    SetPolicy("anna@example.org", {});
    EXPECT_EQ(Announced(), Pop3Announcement());
    ExpectClean();
  }
}

INSTANTIATE_TEST_SUITE_P(AtEachCommit, PolicyCrashTest, testing::Range(0, 4));

}  // namespace
}  // namespace restante::store
