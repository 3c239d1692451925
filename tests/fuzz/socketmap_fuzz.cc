// socketmap and tcp_table: the same requests however the octets are cut, each of them
// bounded; and answers that an MTA reads as one, whatever is in them.
#include "plugins/postfix/protocols.h"
#include "tests/fuzz/property.h"

namespace restante::postfix {
namespace {

struct Session {
  std::vector<std::string> requests;
  bool broken = false;
  friend bool operator==(const Session&, const Session&) = default;
};

Taken TakeOne(bool tcp, std::string* input, std::string* request) {
  if (tcp) {
    TcpRequest taken;
    const Taken result = TakeTcp(input, &taken);
    *request = (taken.get ? "get " : "other ") + taken.key;
    PROPERTY(taken.key.size() <= kMaxLookupOctets);
    return result;
  }
  SocketmapRequest taken;
  const Taken result = TakeSocketmap(input, &taken);
  *request = taken.map + " " + taken.key;
  PROPERTY(result != Taken::kRequest || request->size() <= kMaxLookupOctets);
  PROPERTY(taken.map.find(' ') == taken.map.npos);
  return result;
}

Session Play(bool tcp, const std::vector<std::string_view>& pieces) {
  Session session;
  std::string input;
  for (const std::string_view piece : pieces) {
    input += piece;
    while (true) {
      const size_t before = input.size();
      std::string request;
      const Taken taken = TakeOne(tcp, &input, &request);
      if (taken == Taken::kBroken) {
        session.broken = true;
        return session;
      }
      if (taken == Taken::kMore) break;
      PROPERTY(input.size() < before);
      session.requests.push_back(std::move(request));
    }
    // What waits for more is bounded.
    PROPERTY(input.size() <= kMaxLookupOctets + 16);
  }
  return session;
}

}  // namespace
}  // namespace restante::postfix

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::postfix;
  const restante::fuzz::Input input(data, size);
  for (const bool tcp : {false, true}) {
    PROPERTY(Play(tcp, input.Pieces()) == Play(tcp, {input.text()}));
  }

  const std::string line = TcpFound(input.text());
  PROPERTY(line.find('\n') == line.size() - 1);
  std::string back = "get " + line.substr(4);
  TcpRequest request;
  if (input.text().size() < 1000) {
    PROPERTY(TakeTcp(&back, &request) == Taken::kRequest && request.key == input.text());
  }

  // An answer is a netstring of two words, as a request is.
  std::string answer = SocketmapFound(input.text());
  SocketmapRequest read;
  if (input.text().size() < 4000) {
    PROPERTY(TakeSocketmap(&answer, &read) == Taken::kRequest);
    PROPERTY(answer.empty() && read.map == "OK" && read.key == input.text());
  }
  return 0;
}
