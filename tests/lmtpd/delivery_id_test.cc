#include "plugins/lmtpd/delivery_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace restante::lmtp {
namespace {

using testing::StartsWith;

constexpr char kReceived[] =
    "Received: from client.test (unknown [127.0.0.1])\r\n\tby mx.test (Postfix) with ESMTP id "
    "BD8F9A780FB\r\n\tfor <ann@example.org>; Sat, 28 Nov 2026 05:48:51 +0000 (UTC)\r\n";
const std::string kRest = "Subject: a\r\n\r\nx\r\n";

TEST(QueueIdTest, IsWhatMtasWriteIntoReceived) {
  struct {
    const char* body;
    const char* id;
  } const cases[] = {
      {" from client.test (unknown [127.0.0.1])\r\n\tby mx.test (Postfix) with ESMTP id "
       "BD8F9A780FB\r\n\tfor <ann@example.org>; Sat, 28 Nov 2026",
       "BD8F9A780FB"},
      {" by mx.test (Postfix, from userid 0)\r\n\tid 4Sx1bz2q3Kz9; Sat, 28 Nov 2026",
       "4Sx1bz2q3Kz9"},
      {" from c (c [192.0.2.1])\r\n\t(using TLSv1.3 with cipher X (256/256 bits))\r\n\t(No "
       "client "
       "certificate requested)\r\n\tby mx (Postfix) with ESMTPS id 5A\r\n\tfor <a@b>; date",
       "5A"},
      {" from [127.0.0.1] (helo=client.test)\r\n\tby mx.test with esmtp (Exim 4.96)\r\n\t"
       "(envelope-from <ann@example.org>)\r\n\tid 1xXBhd-0004Dc-14;\r\n\tSat, 28 Nov 2026",
       "1xXBhd-0004Dc-14"},
      {" from localhost (mx.test [local])\r\n\tby mx.test (OpenSMTPD) with ESMTPA id "
       "1a2b3c4d\r\n\t"
       "for <ann@example.org>;\r\n\tSat, 28 Nov 2026",
       "1a2b3c4d"},
      {" (from root@localhost)\r\n\tby mx.test (8.17.1/8.17.1/Submit) id "
       "4AS5mpXk000123;\r\n\tdate",
       "4AS5mpXk000123"},
  };
  for (const auto& one : cases) EXPECT_EQ(QueueId(one.body), one.id) << one.body;
}

TEST(QueueIdTest, IsNotWhatAClientCallsItself) {
  EXPECT_EQ(QueueId(" from id (by [192.0.2.1]) by mx with ESMTP id 5A; date"), "5A");
  EXPECT_EQ(QueueId(" from x (id EVIL) by mx with ESMTP id 5A; date"), "5A");
  EXPECT_EQ(QueueId(" from x ((a\\) id EVIL) b) by mx id 5A"), "5A");
  EXPECT_EQ(QueueId(" from \"x; id EVIL \" by mx id 5A"), "5A");
}

TEST(QueueIdTest, MayBeMissing) {
  for (const char* body :
       {"", " ", ";", " (qmail 12 invoked by uid 89); date", " by mx; id 5A", " by mx id",
        " by mx id ;", " from x by mx id (5A)", " (", " by mx id \x01; date", " \"", " \\"}) {
    EXPECT_EQ(QueueId(body), "") << body;
  }
  EXPECT_EQ(QueueId(" by mx id " + std::string(200, 'x') + ";"), "");
}

TEST(DeliveryIdTest, IsTheSameForTheSameMessage) {
  const std::string id = DeliveryId("bob@example.net", kReceived + kRest);
  EXPECT_THAT(id, StartsWith("mta:BD8F9A780FB:"));
  EXPECT_LE(id.size(), 255u);
  EXPECT_EQ(DeliveryId("bob@example.net", kReceived + kRest), id);
}

TEST(DeliveryIdTest, DiffersWithSenderAndContent) {
  const std::string id = DeliveryId("bob@example.net", kReceived + kRest);
  EXPECT_NE(DeliveryId("", kReceived + kRest), id);
  EXPECT_NE(DeliveryId("bob@example.net", kReceived + kRest + "y"), id);
}

TEST(DeliveryIdTest, DoesNotDependOnWhatAnAttemptPutsOnTop) {
  const std::string id = DeliveryId("", kReceived + kRest);
  EXPECT_EQ(DeliveryId("", "Return-Path: <>\r\nDelivery-date: now\r\n later\r\n" +
                               std::string(kReceived) + kRest),
            id);
}

TEST(DeliveryIdTest, DependsOnTheTopReceivedOnly) {
  const std::string relayed = "Received: by other id OTHER; date\r\n";
  EXPECT_THAT(DeliveryId("", kReceived + relayed + kRest), StartsWith("mta:BD8F9A780FB:"));
  EXPECT_THAT(DeliveryId("", relayed + kReceived + kRest), StartsWith("mta:OTHER:"));
  EXPECT_EQ(DeliveryId("", "Received: (qmail 1 invoked by uid 2); date\r\n" + relayed + kRest),
            "");
}

TEST(DeliveryIdTest, WithoutAQueueIdThereIsNone) {
  for (const std::string& message :
       {std::string(), kRest, "Subject: a\r\n\r\n" + std::string(kReceived) + kRest,
        "\r\n" + std::string(kReceived) + kRest, std::string("Received: by mx id 5A"),
        std::string("Received: by mx id 5A\r\n"), std::string("X\r\n"), std::string("\n")}) {
    EXPECT_EQ(DeliveryId("bob@example.net", message), "") << message;
  }
}

TEST(DeliveryIdTest, OfALargeMessageItsBeginningCounts) {
  const std::string large = kReceived + kRest + std::string(200'000, 'x');
  const std::string_view all = large;
  EXPECT_EQ(DeliveryId("", all.substr(0, 131'072)), DeliveryId("", all.substr(0, 140'000)));
}

}  // namespace
}  // namespace restante::lmtp
