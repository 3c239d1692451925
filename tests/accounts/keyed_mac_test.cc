#include "storage-service/store/keyed_mac.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace restante::store {
namespace {

std::string Hex(const KeyedMac::Mac& mac) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(mac.data()), mac.size()));
}

// RFC 4231, sections 4.2, 4.3 and 4.7: a short key, one shorter than the output, one
// longer than a block.
TEST(KeyedMacTest, ItIsHmacSha256) {
  EXPECT_EQ(Hex(KeyedMac(std::string(20, '\x0b')).Of("Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(Hex(KeyedMac("Jefe").Of("what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Hex(KeyedMac(std::string(131, '\xaa'))
                    .Of("Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(KeyedMacTest, NothingOfOneMessageGoesIntoTheNext) {
  const KeyedMac mac("Jefe");
  const KeyedMac::Mac first = mac.Of("what do ya want for nothing?");
  EXPECT_NE(mac.Of("what do ya want"), first);
  EXPECT_NE(mac.Of(""), first);
  EXPECT_EQ(mac.Of("what do ya want for nothing?"), first);
}

TEST(KeyedMacTest, ManyThreadsGetTheSame) {
  const KeyedMac mac("Jefe");
  const std::string message(1000, 'x');
  const KeyedMac::Mac expected = mac.Of(message);
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) count += mac.Of(message) != expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

}  // namespace
}  // namespace restante::store
