// Policy delegation: the same requests however the octets are cut, and each of them bounded.
#include "plugins/postfix/protocols.h"
#include "tests/fuzz/property.h"

namespace restante::postfix {
namespace {

struct Session {
  std::vector<std::string> requests;
  bool broken = false;
  friend bool operator==(const Session&, const Session&) = default;
};

Session Play(const std::vector<std::string_view>& pieces) {
  Session session;
  std::string input;
  for (const std::string_view piece : pieces) {
    input += piece;
    PolicyRequest request;
    Taken taken = Taken::kRequest;
    while ((taken = TakePolicy(&input, &request)) == Taken::kRequest) {
      PROPERTY(request.recipient.find('\n') == request.recipient.npos);
      PROPERTY(request.recipient.size() <= kMaxPolicyOctets);
      session.requests.push_back(request.request + "\n" + request.recipient + "\n" +
                                 std::to_string(request.size));
    }
    if (taken == Taken::kBroken) {
      session.broken = true;
      return session;
    }
    PROPERTY(input.size() <= kMaxPolicyOctets + 1);
  }
  return session;
}

}  // namespace
}  // namespace restante::postfix

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::postfix;
  const restante::fuzz::Input input(data, size);
  PROPERTY(Play(input.Pieces()) == Play({input.text()}));
  return 0;
}
