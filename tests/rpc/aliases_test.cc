// AliasesService, and where DeliveryService says that recipients lead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "restante/v1/aliases.grpc.pb.h"
#include "tests/rpc/real_store.h"

namespace restante::rpc {
namespace {

class AliasesRpc : public RealStore {
 protected:
  std::unique_ptr<v1::AliasesService::Stub> AliasesStub() {
    return v1::AliasesService::NewStub(channel());
  }
  // The reason of the error; empty: there is none.
  std::string AddAlias(const std::string& address, const std::vector<std::string>& targets) {
    Call call;
    v1::AddAliasRequest request;
    request.set_address(address);
    for (const std::string& target : targets) request.add_targets(target);
    v1::AddAliasResponse response;
    const grpc::Status status = AliasesStub()->AddAlias(&call, request, &response);
    return status.ok() ? "" : std::string(ReasonName(ReasonOf(status)));
  }
};

TEST_F(AliasesRpc, RecipientsAreLookedUpWithTheReplyThatRcptWouldGet) {
  CreateAccount("ann@example.org");
  CreateAccount("full@example.org", 10);
  ASSERT_EQ(AddAlias("team@example.org", {"ann@example.org", "full@example.org"}), "");
  ASSERT_EQ(AddAlias("@example.org", {"ann@example.org"}), "");
  Call call;
  v1::LookupRecipientsRequest request;
  for (const char* recipient : {"Ann+x@example.org", "nobody@example.com", "full@example.org",
                                "team@example.org", "who@example.org", "@"}) {
    request.add_recipients(recipient);
  }
  request.set_declared_octets(12);
  v1::LookupRecipientsResponse response;
  ASSERT_TRUE(Delivery()->LookupRecipients(&call, request, &response).ok());
  ASSERT_EQ(response.lookups_size(), 6);
  EXPECT_EQ(response.lookups(0).reply_code(), 250u);
  EXPECT_EQ(response.lookups(0).enhanced_status_code(), "2.1.5");
  EXPECT_EQ(response.lookups(0).accounts(0).address(), "ann@example.org");
  EXPECT_FALSE(response.lookups(0).accounts(0).disabled());
  EXPECT_EQ(response.lookups(1).reply_code(), 550u);
  EXPECT_EQ(response.lookups(1).enhanced_status_code(), "5.1.1");
  EXPECT_EQ(response.lookups(2).reply_code(), 452u);
  EXPECT_EQ(ReasonOf(response.lookups(2).status()), v1::ERROR_REASON_OVER_QUOTA);
  EXPECT_EQ(response.lookups(2).accounts_size(), 1);
  EXPECT_EQ(response.lookups(3).reply_code(), 452u);
  EXPECT_EQ(response.lookups(3).accounts_size(), 2);
  EXPECT_EQ(response.lookups(3).alias(), "team@example.org");
  EXPECT_EQ(response.lookups(4).reply_code(), 250u);
  EXPECT_EQ(response.lookups(4).alias(), "@example.org");
  EXPECT_EQ(response.lookups(5).enhanced_status_code(), "5.1.3");

  Call too_many;
  request.mutable_recipients()->Clear();
  for (int i = 0; i < 1001; ++i) request.add_recipients("ann");
  EXPECT_EQ(ReasonOf(Delivery()->LookupRecipients(&too_many, request, &response)),
            v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(AliasesRpc, AliasesAreMadeListedAndRemoved) {
  CreateAccount("ann");
  EXPECT_EQ(AddAlias("info", {"nobody"}), "NO_SUCH_ACCOUNT");
  EXPECT_EQ(AddAlias("info", {"info"}), "BAD_ALIAS");
  EXPECT_EQ(AddAlias("ann", {"ann"}), "ACCOUNT_EXISTS");
  EXPECT_EQ(AddAlias("info", {"ann"}), "");
  EXPECT_EQ(AddAlias("help", {"info"}), "");
  std::vector<std::string> addresses;
  v1::ListAliasesRequest list;
  list.set_page_size(1);
  do {
    Call call;
    v1::ListAliasesResponse page;
    ASSERT_TRUE(AliasesStub()->ListAliases(&call, list, &page).ok());
    for (const v1::Alias& alias : page.aliases()) addresses.push_back(alias.address());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(addresses, testing::UnorderedElementsAre("info", "help"));

  Call removal;
  v1::RemoveAliasRequest remove;
  remove.set_address("help");
  v1::RemoveAliasResponse removed;
  ASSERT_TRUE(AliasesStub()->RemoveAlias(&removal, remove, &removed).ok());
  EXPECT_EQ(removed.alias().targets_size(), 0);
  Call question;
  v1::GetAliasRequest get;
  get.set_address("help");
  v1::GetAliasResponse got;
  EXPECT_EQ(ReasonOf(AliasesStub()->GetAlias(&question, get, &got)),
            v1::ERROR_REASON_NO_SUCH_ALIAS);
}

}  // namespace
}  // namespace restante::rpc
