#include "plugins/postfix/protocols.h"

#include <gtest/gtest.h>

namespace restante::postfix {
namespace {

template <typename Request>
Taken TakeFrom(Taken (*take)(std::string*, Request*), std::string input) {
  Request request;
  return take(&input, &request);
}

TEST(SocketmapTest, TakesRequestsOffOneByOne) {
  std::string input = "12:recipients a,9:aliases b,1";
  SocketmapRequest request;
  ASSERT_EQ(TakeSocketmap(&input, &request), Taken::kRequest);
  EXPECT_EQ(request.map, "recipients");
  EXPECT_EQ(request.key, "a");
  ASSERT_EQ(TakeSocketmap(&input, &request), Taken::kRequest);
  EXPECT_EQ(request.map, "aliases");
  EXPECT_EQ(request.key, "b");
  EXPECT_EQ(TakeSocketmap(&input, &request), Taken::kMore);
  EXPECT_EQ(input, "1");
}

TEST(SocketmapTest, KeysMayHaveBlanksAndAnyOctet) {
  std::string input("8:m a b\0,\n,", 11);
  SocketmapRequest request;
  ASSERT_EQ(TakeSocketmap(&input, &request), Taken::kRequest);
  EXPECT_EQ(request.key, std::string("a b\0,\n", 6));
}

TEST(SocketmapTest, WaitsForTheWholeOfARequest) {
  const std::string whole = "12:recipients a,";
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(TakeFrom(&TakeSocketmap, whole.substr(0, size)), Taken::kMore) << size;
  }
}

TEST(SocketmapTest, WhatIsNoNetstringOrTooLongIsBroken) {
  for (const char* input : {"x", ":", "1x:", "-1:", "4097:", "1234567", "1234567:", "3:abc,",
                            "3:a bc", " 3:a b,"}) {
    EXPECT_EQ(TakeFrom(&TakeSocketmap, std::string(input)), Taken::kBroken) << input;
  }
}

TEST(SocketmapTest, Answers) {
  EXPECT_EQ(SocketmapFound("a@b, c@d"), "11:OK a@b, c@d,");
  EXPECT_EQ(SocketmapNotFound(), "9:NOTFOUND ,");
  EXPECT_EQ(SocketmapTemporary("why"), "8:TEMP why,");
  EXPECT_EQ(SocketmapPermanent("why"), "8:PERM why,");
}

TEST(TcpTableTest, TakesEncodedKeys) {
  std::string input = "get ann%40example.org\r\nGET a%20b%25\nput a b\n";
  TcpRequest request;
  ASSERT_EQ(TakeTcp(&input, &request), Taken::kRequest);
  EXPECT_TRUE(request.get);
  EXPECT_EQ(request.key, "ann@example.org");
  ASSERT_EQ(TakeTcp(&input, &request), Taken::kRequest);
  EXPECT_EQ(request.key, "a b%");
  ASSERT_EQ(TakeTcp(&input, &request), Taken::kRequest);
  EXPECT_FALSE(request.get);
  EXPECT_EQ(input, "");
}

TEST(TcpTableTest, WhatIsNoRequestIsBroken) {
  for (const std::string& input : {std::string("get\n"), std::string("get %4\n"),
                                   std::string("get %zz\n"), std::string(5000, 'x')}) {
    EXPECT_EQ(TakeFrom(&TakeTcp, input), Taken::kBroken) << input.substr(0, 10);
  }
  EXPECT_EQ(TakeFrom(&TakeTcp, std::string("get a")), Taken::kMore);
}

TEST(TcpTableTest, AnswersAreOneLineWhateverIsInThem) {
  EXPECT_EQ(TcpFound("a@b, c\n%"), "200 a@b,%20c%0A%25\n");
  EXPECT_EQ(TcpNotFound(), "500 not%20found\n");
  EXPECT_EQ(TcpTemporary("try later"), "400 try%20later\n");
}

TEST(PolicyTest, TakesWhatItNeedsOfARequest) {
  std::string input =
      "request=smtpd_access_policy\nprotocol_state=RCPT\nsender=\nrecipient=ann@example.org\n"
      "size=12345\nstress=\nccert_subject=a=b\n\nrequest=x\n\n";
  PolicyRequest request;
  ASSERT_EQ(TakePolicy(&input, &request), Taken::kRequest);
  EXPECT_EQ(request.request, "smtpd_access_policy");
  EXPECT_EQ(request.recipient, "ann@example.org");
  EXPECT_EQ(request.size, 12345u);
  ASSERT_EQ(TakePolicy(&input, &request), Taken::kRequest);
  EXPECT_EQ(request.recipient, "");
  EXPECT_EQ(request.size, 0u);
  EXPECT_EQ(TakePolicy(&input, &request), Taken::kMore);
}

TEST(PolicyTest, WhatIsNoRequestIsBroken) {
  for (const std::string& input :
       {std::string("\n"), std::string("request\n\n"), std::string("size=-1\n\n"),
        std::string("size=1x\n\n"), std::string("size=99999999999999999999\n\n"),
        std::string(40'000, 'x'), std::string(40'000, 'x') + "=\n\n"}) {
    EXPECT_EQ(TakeFrom(&TakePolicy, input), Taken::kBroken) << input.substr(0, 10);
  }
}

TEST(PolicyTest, Answers) { EXPECT_EQ(PolicyAction("DUNNO"), "action=DUNNO\n\n"); }

}  // namespace
}  // namespace restante::postfix
