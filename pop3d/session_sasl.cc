// AUTH: RFC 5034; PLAIN by RFC 4616, EXTERNAL by RFC 4422, appendix A.
#include <utility>

#include "absl/strings/match.h"
#include "common/errors.h"
#include "pop3d/faults.h"
#include "pop3d/replies.h"
#include "pop3d/sasl_base64.h"
#include "pop3d/sasl_plain.h"
#include "pop3d/session.h"

namespace restante::pop3 {

asio::awaitable<void> Session::Auth(std::string argument) {
  if (argument.empty()) {
    Ok(Text::kMechanisms);
    AppendMechanisms(Capabilities(), "", "\r\n", &out());
    AppendEnd(&out());
    co_return;
  }
  const size_t space = argument.find(' ');
  const absl::string_view mechanism = absl::string_view(argument).substr(0, space);
  const bool external =
      absl::EqualsIgnoreCase(mechanism, "EXTERNAL") && connection_.has_certificate();
  if (!external && !absl::EqualsIgnoreCase(mechanism, "PLAIN")) {
    Refuse(Text::kUnknownMechanism);
    co_return;
  }
  if (!external && !PasswordsAllowed()) {
    Refuse(Text::kNeedsTls);
    co_return;
  }
  std::optional<std::string> response;
  if (space != argument.npos) {
    response = argument.substr(space + 1);
    // An initial response of no octets at all (RFC 5034, section 4).
    if (*response == "=") response->clear();
  } else {
    response = co_await SaslResponse();
    if (!response.has_value()) co_return;
  }
  // Of a long line the beginning was kept; it has ended in CRLF.
  const bool cut = line_octets_ > kKeptOctets;
  const size_t octets =
      cut ? line_octets_ - 2 - (kKeptOctets - response->size()) : response->size();
  if (octets > environment_.settings.lines.sasl_response) {
    RefuseLength(Text::kResponseTooLong);
    co_return;
  }
  // What is whole of it in base64.
  if (cut) response->resize(response->size() / 4 * 4);
  if (external) {
    co_await AuthExternal(*std::move(response), cut);
  } else {
    co_await AuthPlain(*std::move(response), cut);
  }
}

asio::awaitable<std::optional<std::string>> Session::SaslResponse() {
  // The challenge is empty, and still has its space.
  out().append(On(Fault::kChallengeWithoutSpace) ? "+\r\n" : "+ \r\n");
  const std::optional<Line> line = co_await NextLine(LineLimit::kSaslResponse);
  if (!line.has_value()) co_return std::nullopt;
  if (line->kind == Line::Kind::kTooLong) {
    RefuseLength(Text::kResponseTooLong);
    co_return std::nullopt;
  }
  if (line->text == "*") {
    Refuse(Text::kCancelled);
    co_return std::nullopt;
  }
  co_return std::string(line->text);
}

asio::awaitable<void> Session::AuthPlain(std::string response, bool cut) {
  absl::StatusOr<PlainCredentials> credentials = ParsePlain(response);
  if (cut && credentials.ok()) {
    credentials = absl::PermissionDeniedError("longer than any password");
  }
  if (absl::IsPermissionDenied(credentials.status())) {
    // Answered as a wrong password is, and counted with those.
    const TimePoint arrival = environment_.link.deadlines().Now();
    ++attempts_;
    absl::Status status =
        MakeError(v1::ERROR_REASON_BAD_CREDENTIALS, credentials.status().message());
    co_await RefuseLogin(std::move(status), arrival);
  } else if (!credentials.ok()) {
    Refuse(Text::kNotPlain);
  } else {
    v1::LoginRequest request;
    request.set_address(std::move(credentials->user));
    request.set_password(std::move(credentials->password));
    co_await LogIn(std::move(request), "PLAIN");
  }
}

asio::awaitable<void> Session::AuthExternal(std::string response, bool cut) {
  // The identity to act as; none: that which the certificate names.
  std::optional<std::string> identity = DecodeBase64(response);
  if (cut || !identity.has_value() || identity->find('\0') != identity->npos) {
    Refuse(Text::kNotExternal);
    co_return;
  }
  v1::LoginRequest request;
  request.set_address(*std::move(identity));
  for (std::string& certificate : connection_.Certificates()) {
    request.add_client_certificates(std::move(certificate));
  }
  co_await LogIn(std::move(request), "EXTERNAL");
}

}  // namespace restante::pop3
