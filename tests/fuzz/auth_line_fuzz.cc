// Lines of Dovecot's authentication protocol, and what comes of their responses: nothing
// that a client sends forges a field of an answer, and values come back as they were.
#include <algorithm>
#include <optional>

#include "plugins/auth/exchange.h"
#include "plugins/auth/protocol.h"
#include "tests/fuzz/property.h"

namespace restante::auth {
namespace {

void CheckAnswer(const std::string& line, size_t tabs) {
  PROPERTY(line.ends_with('\n') && line.find('\n') == line.size() - 1);
  PROPERTY(static_cast<size_t>(std::count(line.begin(), line.end(), '\t')) == tabs);
  PROPERTY(line.find('\0') == line.npos);
}

void CheckExchange(std::string_view mechanism, const std::optional<std::string>& initial,
                   const std::string& response) {
  std::optional<Exchange> exchange = Exchange::Begin(mechanism);
  if (!exchange.has_value()) return;
  Exchange::Next next = exchange->Respond(initial);
  for (int turns = 0; next == Exchange::Next::kChallenge; ++turns) {
    PROPERTY(turns < 3);
    CheckAnswer(ContinueLine(1, exchange->challenge()), 2);
    next = exchange->Respond(response);
  }
  if (next == Exchange::Next::kComplete) {
    PROPERTY(!exchange->user().empty() && !exchange->password().empty());
  }
}

}  // namespace
}  // namespace restante::auth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::auth;
  const restante::fuzz::Input input(data, size);
  const std::string text(input.text());
  PROPERTY(UnescapeValue(EscapeValue(text)) == text);
  CheckAnswer(OkLine(1, text), 2);
  if (!text.empty()) CheckAnswer(FailLine(1, text, Failure::kTemporary), 3);

  std::string rest = text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const ClientLine line = ParseLine(std::string_view(rest).substr(0, end));
    using Verb = ClientLine::Verb;
    if (line.verb == Verb::kAuth || line.verb == Verb::kContinue) {
      PROPERTY(line.id != 0);
      PROPERTY(line.response.find('\t') == std::string::npos);
      std::optional<std::string> initial;
      if (line.has_response) initial = line.response;
      CheckExchange(line.mechanism, initial, line.response);
      CheckExchange("PLAIN", initial, line.response);
      CheckExchange("LOGIN", initial, line.response);
    }
    rest.erase(0, end + 1);
  }
  return 0;
}
