// The parts of the session that come before transactions: the TLS handshake, whether it
// comes first or by STARTTLS (RFC 3207), the greeting and LHLO.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "plugins/lmtpd/session.h"

namespace restante::lmtp {
namespace {

absl::string_view WhyFailed(Connection::Outcome outcome) {
  switch (outcome) {
    case Connection::Outcome::kTimeout:
      return "too slow";
    case Connection::Outcome::kInterrupted:
      return "shutting down";
    default:
      return "not TLS, or given up by the client";
  }
}

}  // namespace

asio::awaitable<void> Session::Open() {
  if (implicit_tls_) {
    const bool secured = co_await Handshake();
    if (!secured) co_return;
  }
  Greet();
}

void Session::Greet() {
  absl::StrAppend(&connection_.output(), "220 ", settings_.hostname, " LMTP Restante\r\n");
}

asio::awaitable<bool> Session::Handshake() {
  Connection::Outcome outcome = Connection::Outcome::kInterrupted;
  if (!draining_) {
    idle_ = true;
    outcome = co_await connection_.StartTls(*settings_.tls, settings_.tls_handshake_timeout);
    idle_ = false;
  }
  if (outcome == Connection::Outcome::kOk) {
    certified_ = settings_.require_client_certificate &&
                 HasVerifiedName(connection_.tls(), settings_.client_certificate_names);
    co_return true;
  }
  LogInfo("lmtp", "TLS handshake failed", {{"client", remote_}, {"why", WhyFailed(outcome)}});
  lost_ = true;
  closing_ = true;
  co_return false;
}

asio::awaitable<void> Session::StartTls() {
  if (settings_.tls == nullptr) {
    Refuse(reply::kNotImplemented);
    co_return;
  }
  if (connection_.tls() != nullptr) {
    Refuse(reply::kTlsActive);
    co_return;
  }
  // What stands behind STARTTLS in the clear could have been put there by anybody, to be
  // taken for the client's own words under TLS.
  if (!connection_.input().content().empty()) {
    CloseWith(reply::kBehindStartTls);
    co_return;
  }
  // RFC 3207, section 4.2: nothing that was said in the clear holds.
  EndTransaction("STARTTLS");
  greeted_ = false;
  Say(reply::kBeginTls);
  const Connection::Outcome sent = co_await connection_.Flush(settings_.command_timeout);
  if (sent != Connection::Outcome::kOk) {
    lost_ = true;
    closing_ = true;
    co_return;
  }
  co_await Handshake();
}

const Reply* Session::MissingSecurity() const {
  const bool certificate = settings_.require_client_certificate;
  if (is_unix_ || (!certificate && !settings_.require_tls)) return nullptr;
  if (connection_.tls() == nullptr) return &reply::kStartTlsFirst;
  return certificate && !certified_ ? &reply::kNoCertificate : nullptr;
}

void Session::Lhlo(std::string_view argument) {
  if (argument.empty()) return Refuse(reply::kLhloArgument);
  EndTransaction("LHLO");
  greeted_ = true;
  std::string& out = connection_.output();
  absl::StrAppend(&out, "250-", settings_.hostname,
                  "\r\n"
                  "250-PIPELINING\r\n"
                  "250-ENHANCEDSTATUSCODES\r\n"
                  "250-8BITMIME\r\n"
                  "250-SMTPUTF8\r\n"
                  "250-CHUNKING\r\n");
  if (settings_.tls != nullptr && connection_.tls() == nullptr) out += "250-STARTTLS\r\n";
  absl::StrAppend(&out, "250 SIZE ", settings_.max_message_octets, "\r\n");
}

}  // namespace restante::lmtp
