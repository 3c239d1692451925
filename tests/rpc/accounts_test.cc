// AccountsService and AuthenticatorService as a client sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/rpc/real_store.h"

namespace restante::rpc {
namespace {

class AccountsRpc : public RealStore {
 protected:
  grpc::Status Create(const std::string& address, const std::string& password) {
    Call call;
    v1::CreateAccountRequest request;
    request.set_address(address);
    request.mutable_credential()->set_password(password);
    v1::CreateAccountResponse response;
    return Accounts()->CreateAccount(&call, request, &response);
  }

  grpc::Status Get(const std::string& address, v1::Account* account = nullptr) {
    Call call;
    v1::GetAccountRequest request;
    request.set_address(address);
    v1::GetAccountResponse response;
    const grpc::Status status = Accounts()->GetAccount(&call, request, &response);
    if (account != nullptr) *account = response.account();
    return status;
  }

  grpc::Status Update(const std::string& address, const std::vector<std::string>& paths,
                      bool disabled, uint64_t quota_octets, v1::Account* account = nullptr) {
    Call call;
    v1::UpdateAccountRequest request;
    request.mutable_account()->set_address(address);
    request.mutable_account()->set_disabled(disabled);
    request.mutable_account()->set_quota_octets(quota_octets);
    for (const std::string& path : paths) request.mutable_update_mask()->add_paths(path);
    v1::UpdateAccountResponse response;
    const grpc::Status status = Accounts()->UpdateAccount(&call, request, &response);
    if (account != nullptr) *account = response.account();
    return status;
  }

  grpc::Status SetPassword(const std::string& address, const std::string& password) {
    Call call;
    v1::SetPasswordRequest request;
    request.set_address(address);
    request.mutable_credential()->set_password(password);
    v1::SetPasswordResponse response;
    return Accounts()->SetPassword(&call, request, &response);
  }

  grpc::Status Delete(const std::string& address) {
    Call call;
    v1::DeleteAccountRequest request;
    request.set_address(address);
    v1::DeleteAccountResponse response;
    return Accounts()->DeleteAccount(&call, request, &response);
  }

  grpc::Status Authenticate(const std::string& address, const std::string& password,
                            v1::AuthenticatePasswordResponse* response) {
    Call call;
    v1::AuthenticatePasswordRequest request;
    request.set_address(address);
    request.set_password(password);
    return Authenticator()->AuthenticatePassword(&call, request, response);
  }
};

TEST_F(AccountsRpc, ANewAccountIsShownAsItWasCreated) {
  const v1::Account created = CreateAccount("Ann@Example.org", 1000);
  EXPECT_EQ(created.address(), "Ann@Example.org");
  EXPECT_EQ(created.account_id().size(), 32u);
  EXPECT_EQ(created.quota_octets(), 1000u);
  EXPECT_FALSE(created.disabled());
  EXPECT_EQ(created.created().seconds(), 1'700'000'000);
  v1::Account found;
  ASSERT_TRUE(Get("ann@example.ORG", &found).ok());
  EXPECT_EQ(found.SerializeAsString(), created.SerializeAsString());
}

TEST_F(AccountsRpc, ANewAccountNeedsAnAddressOfItsOwnAndAPassword) {
  CreateAccount("ann@example.org");
  EXPECT_EQ(ReasonOf(Create("ANN@example.org", "x")), v1::ERROR_REASON_ACCOUNT_EXISTS);
  EXPECT_EQ(ReasonOf(Create("not an address", "x")), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_EQ(ReasonOf(Create("bob@example.org", "")), v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_EQ(ReasonOf(Create("bob@example.org", "two\r\nlines")),
            v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(AccountsRpc, AnUnknownAccountIsNotFound) {
  EXPECT_EQ(ReasonOf(Get("nobody@example.org")), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(Get("@")), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_EQ(ReasonOf(Update("nobody", {"disabled"}, true, 0)),
            v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(SetPassword("nobody", "x")), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(Delete("nobody")), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
}

TEST_F(AccountsRpc, PagesListEveryAccountOnce) {
  std::vector<std::string> expected;
  for (int i = 0; i < 7; ++i) {
    expected.push_back(absl::StrCat("user", i, "@example.org"));
    CreateAccount(expected.back());
  }
  std::vector<std::string> listed;
  v1::ListAccountsRequest request;
  request.set_page_size(3);
  do {
    Call call;
    v1::ListAccountsResponse response;
    ASSERT_TRUE(Accounts()->ListAccounts(&call, request, &response).ok());
    EXPECT_LE(response.accounts_size(), 3);
    for (const v1::Account& account : response.accounts()) listed.push_back(account.address());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(listed, testing::UnorderedElementsAreArray(expected));
}

TEST_F(AccountsRpc, APageHasAGreatestSizeAndATokenOfTheServices) {
  v1::ListAccountsRequest request;
  request.set_page_size(10'001);
  Call large;
  v1::ListAccountsResponse response;
  EXPECT_EQ(ReasonOf(Accounts()->ListAccounts(&large, request, &response)),
            v1::ERROR_REASON_INVALID_REQUEST);
  request.set_page_size(1);
  request.set_page_token("invented");
  Call invented;
  EXPECT_EQ(ReasonOf(Accounts()->ListAccounts(&invented, request, &response)),
            v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(AccountsRpc, AnUpdateChangesWhatItsMaskNames) {
  CreateAccount("ann", 5);
  v1::Account account;
  ASSERT_TRUE(Update("ann", {"disabled"}, true, 99, &account).ok());
  EXPECT_TRUE(account.disabled());
  EXPECT_EQ(account.quota_octets(), 5u);
  ASSERT_TRUE(Update("ann", {"quota_octets", "disabled"}, false, 99, &account).ok());
  EXPECT_FALSE(account.disabled());
  EXPECT_EQ(account.quota_octets(), 99u);
}

TEST_F(AccountsRpc, AnUpdateOfNothingOrOfWhatIsFixedIsRefused) {
  CreateAccount("ann");
  EXPECT_EQ(ReasonOf(Update("ann", {}, true, 0)), v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_EQ(ReasonOf(Update("ann", {"address"}, true, 0)), v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(AccountsRpc, FilingRulesAreAnAccountsOrItsDomains) {
  CreateAccount("ann@example.org");
  v1::FilingRules rules;
  v1::FilingRule* rule = rules.add_rules();
  rule->set_field("X-Spam-Status");
  rule->set_match(v1::FilingRule::MATCH_PREFIX);
  rule->set_value("Yes");
  rule->set_mailbox("\\Junk");
  Call set_call;
  v1::SetDomainFilingRequest set;
  set.mutable_domain_filing()->set_domain("EXAMPLE.org");
  *set.mutable_domain_filing()->mutable_rules() = rules;
  v1::SetDomainFilingResponse set_now;
  ASSERT_TRUE(Accounts()->SetDomainFiling(&set_call, set, &set_now).ok());
  EXPECT_EQ(set_now.domain_filing().domain(), "example.org");
  Call list_call;
  v1::ListDomainFilingResponse listed;
  ASSERT_TRUE(Accounts()->ListDomainFiling(&list_call, {}, &listed).ok());
  ASSERT_EQ(listed.domains_size(), 1);
  EXPECT_EQ(listed.domains(0).rules().SerializeAsString(), rules.SerializeAsString());
  v1::Account account;
  ASSERT_TRUE(Get("ann@example.org", &account).ok());
  EXPECT_FALSE(account.has_filing_rules());
  EXPECT_EQ(account.effective_filing_rules().SerializeAsString(), rules.SerializeAsString());
  EXPECT_EQ(Deliver("ann@example.org", "X-Spam-Status: Yes, 9\r\n\r\n").results(0).mailbox(),
            "Junk");

  const auto update = [this](const v1::FilingRules* own, v1::Account* updated) {
    Call call;
    v1::UpdateAccountRequest request;
    request.mutable_account()->set_address("ann@example.org");
    if (own != nullptr) *request.mutable_account()->mutable_filing_rules() = *own;
    request.mutable_update_mask()->add_paths("filing_rules");
    v1::UpdateAccountResponse response;
    const grpc::Status status = Accounts()->UpdateAccount(&call, request, &response);
    *updated = response.account();
    return status;
  };
  const v1::FilingRules none;
  ASSERT_TRUE(update(&none, &account).ok());
  EXPECT_TRUE(account.has_filing_rules());
  EXPECT_FALSE(account.has_effective_filing_rules());
  ASSERT_TRUE(update(nullptr, &account).ok());
  EXPECT_FALSE(account.has_filing_rules());
  EXPECT_TRUE(account.has_effective_filing_rules());
  rules.mutable_rules(0)->set_match(static_cast<v1::FilingRule::Match>(9));
  EXPECT_EQ(ReasonOf(update(&rules, &account)), v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(AccountsRpc, ANewPasswordReplacesTheOldOne) {
  CreateAccount("ann");
  ASSERT_TRUE(SetPassword("ann", "changed").ok());
  EXPECT_EQ(ReasonOf(SetPassword("ann", "")), v1::ERROR_REASON_INVALID_REQUEST);
  v1::AuthenticatePasswordResponse response;
  EXPECT_EQ(ReasonOf(Authenticate("ann", "secret", &response)),
            v1::ERROR_REASON_BAD_CREDENTIALS);
  EXPECT_TRUE(Authenticate("ann", "changed", &response).ok());
}

TEST_F(AccountsRpc, AStoredHashIsTakenAsItIs) {
  Call call;
  v1::CreateAccountRequest request;
  request.set_address("ann");
  // "secret", by crypt(5)'s md5crypt.
  request.mutable_credential()->set_crypt_hash("$1$salt$ez2vlPGdaLYkJam5pWs/Y1");
  v1::CreateAccountResponse response;
  const grpc::Status status = Accounts()->CreateAccount(&call, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  v1::AuthenticatePasswordResponse authenticated;
  EXPECT_TRUE(Authenticate("ann", "secret", &authenticated).ok());
  EXPECT_EQ(ReasonOf(Authenticate("ann", "wrong", &authenticated)),
            v1::ERROR_REASON_BAD_CREDENTIALS);
}

TEST_F(AccountsRpc, ADeletedAccountIsGoneAndItsSessionsEnd) {
  CreateAccount("ann");
  const std::string token = Login("ann");
  ASSERT_TRUE(Delete("ann").ok());
  EXPECT_EQ(ReasonOf(Get("ann")), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  Call call;
  v1::RowsRequest request;
  request.set_session_token(token);
  v1::RowsResponse response;
  EXPECT_EQ(ReasonOf(Maildrop()->Rows(&call, request, &response)), v1::ERROR_REASON_LEASE_LOST);
}

TEST_F(AccountsRpc, AnImportIsWholeOrNamesItsProblems) {
  const auto import = [&](const std::vector<std::string>& addresses,
                          v1::ImportAccountsResponse* response) {
    Call call;
    const auto accounts = Accounts();
    const auto writer = accounts->ImportAccounts(&call, response);
    for (const std::string& address : addresses) {
      v1::ImportAccountsRequest request;
      v1::ImportEntry* entry = request.add_entries();
      entry->set_address(address);
      entry->mutable_credential()->set_password("secret");
      writer->Write(request);
    }
    writer->WritesDone();
    return writer->Finish();
  };
  v1::ImportAccountsResponse refused;
  ASSERT_TRUE(import({"ann", "bob@", "cid"}, &refused).ok());
  EXPECT_EQ(refused.imported(), 0u);
  ASSERT_EQ(refused.problems_size(), 1);
  EXPECT_EQ(refused.problems(0).index(), 1u);
  EXPECT_FALSE(Get("ann").ok());
  v1::ImportAccountsResponse response;
  ASSERT_TRUE(import({"ann", "bob", "cid"}, &response).ok());
  EXPECT_EQ(response.imported(), 3u);
  EXPECT_TRUE(Get("cid").ok());
}

TEST_F(AccountsRpc, AnAuthenticationGivesATokenThatOpensTheMaildrop) {
  const v1::Account account = CreateAccount("Ann@example.org");
  v1::AuthenticatePasswordResponse response;
  ASSERT_TRUE(Authenticate("ann@example.org", "secret", &response).ok());
  EXPECT_EQ(response.account_id(), account.account_id());
  EXPECT_EQ(response.address(), "Ann@example.org");
  EXPECT_EQ(response.lifetime().seconds(), 60);
  Call call;
  v1::OpenRequest open;
  open.set_auth_token(response.auth_token());
  v1::OpenResponse opened;
  ASSERT_TRUE(Maildrop()->Open(&call, open, &opened).ok());
  EXPECT_EQ(opened.session().address(), "Ann@example.org");
}

TEST_F(AccountsRpc, UnknownUserAndWrongPasswordLookAlike) {
  CreateAccount("ann@example.org");
  v1::AuthenticatePasswordResponse response;
  const grpc::Status wrong = Authenticate("ann@example.org", "wrong", &response);
  const grpc::Status unknown = Authenticate("bob@example.org", "wrong", &response);
  EXPECT_EQ(ReasonOf(wrong), v1::ERROR_REASON_BAD_CREDENTIALS);
  EXPECT_EQ(wrong.error_details(), unknown.error_details());
}

TEST_F(AccountsRpc, ADisabledAccountIsToldWithTheRightPasswordOnly) {
  CreateAccount("ann");
  ASSERT_TRUE(Update("ann", {"disabled"}, true, 0).ok());
  v1::AuthenticatePasswordResponse response;
  EXPECT_EQ(ReasonOf(Authenticate("ann", "secret", &response)),
            v1::ERROR_REASON_ACCOUNT_DISABLED);
  EXPECT_EQ(ReasonOf(Authenticate("ann", "wrong", &response)),
            v1::ERROR_REASON_BAD_CREDENTIALS);
}

TEST_F(AccountsRpc, APolicyIsSetFieldByFieldAndShownWithAllThatIsInherited) {
  CreateAccount("ann@example.org");
  Call call;
  v1::UpdateAccountRequest request;
  request.mutable_account()->set_address("ann@example.org");
  v1::Pop3Policy* policy = request.mutable_account()->mutable_pop3_policy();
  policy->set_deletion(v1::Pop3Policy::DELETION_HIDE);
  policy->mutable_expire_arrived()->set_seconds(86'400);
  policy->set_move_to("not named");
  request.mutable_update_mask()->add_paths("pop3_policy.deletion");
  request.mutable_update_mask()->add_paths("pop3_policy.expire_arrived");
  v1::UpdateAccountResponse response;
  ASSERT_TRUE(Accounts()->UpdateAccount(&call, request, &response).ok());
  EXPECT_EQ(response.account().pop3_policy().deletion(), v1::Pop3Policy::DELETION_HIDE);
  EXPECT_EQ(response.account().pop3_policy().move_to(), "");
  EXPECT_FALSE(response.account().pop3_policy().has_login_delay());
  const v1::Pop3Policy& effective = response.account().effective_pop3_policy();
  EXPECT_EQ(effective.expire_arrived().seconds(), 86'400);
  EXPECT_EQ(effective.move_to(), "Trash");
  EXPECT_TRUE(effective.has_login_delay());

  Call again;
  request.mutable_account()->clear_pop3_policy();
  request.mutable_update_mask()->clear_paths();
  request.mutable_update_mask()->add_paths("pop3_policy");
  ASSERT_TRUE(Accounts()->UpdateAccount(&again, request, &response).ok());
  EXPECT_FALSE(response.account().has_pop3_policy());
  EXPECT_EQ(response.account().effective_pop3_policy().deletion(),
            v1::Pop3Policy::DELETION_EXPUNGE);
}

TEST_F(AccountsRpc, AWrongPolicyIsRefusedByName) {
  CreateAccount("ann@example.org");
  v1::UpdateAccountRequest request;
  request.mutable_account()->set_address("ann@example.org");
  request.mutable_account()->mutable_pop3_policy()->mutable_login_delay()->set_seconds(-1);
  for (const char* path : {"pop3_policy.", "pop3_policy.colour", "pop3_policies"}) {
    Call call;
    *request.mutable_update_mask() = {};
    request.mutable_update_mask()->add_paths(path);
    v1::UpdateAccountResponse response;
    const grpc::Status refused = Accounts()->UpdateAccount(&call, request, &response);
    EXPECT_EQ(ReasonOf(refused), v1::ERROR_REASON_INVALID_REQUEST);
    EXPECT_THAT(refused.error_message(), testing::HasSubstr("update_mask"));
  }
  Call call;
  *request.mutable_update_mask() = {};
  request.mutable_update_mask()->add_paths("pop3_policy.login_delay");
  v1::UpdateAccountResponse response;
  const grpc::Status refused = Accounts()->UpdateAccount(&call, request, &response);
  EXPECT_EQ(ReasonOf(refused), v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_THAT(refused.error_message(), testing::HasSubstr("login_delay"));
}

TEST_F(AccountsRpc, ADomainsPolicyIsSetListedAndTakenAway) {
  CreateAccount("ann@example.org");
  v1::SetDomainPolicyRequest request;
  request.set_domain("EXAMPLE.org");
  request.mutable_policy()->set_deletion(v1::Pop3Policy::DELETION_MOVE);
  v1::SetDomainPolicyResponse response;
  {
    Call call;
    ASSERT_TRUE(Accounts()->SetDomainPolicy(&call, request, &response).ok());
  }
  v1::ListDomainPoliciesResponse listed;
  {
    Call call;
    ASSERT_TRUE(Accounts()->ListDomainPolicies(&call, {}, &listed).ok());
  }
  ASSERT_EQ(listed.domains_size(), 1);
  EXPECT_EQ(listed.domains(0).domain(), "example.org");
  EXPECT_EQ(listed.domains(0).policy().deletion(), v1::Pop3Policy::DELETION_MOVE);
  EXPECT_EQ(listed.service_policy().deletion(), v1::Pop3Policy::DELETION_EXPUNGE);
  v1::Account account;
  ASSERT_TRUE(Get("ann@example.org", &account).ok());
  EXPECT_EQ(account.effective_pop3_policy().deletion(), v1::Pop3Policy::DELETION_MOVE);
  request.clear_policy();
  {
    Call call;
    ASSERT_TRUE(Accounts()->SetDomainPolicy(&call, request, &response).ok());
  }
  {
    Call call;
    ASSERT_TRUE(Accounts()->ListDomainPolicies(&call, {}, &listed).ok());
  }
  EXPECT_EQ(listed.domains_size(), 0);
}

}  // namespace
}  // namespace restante::rpc
