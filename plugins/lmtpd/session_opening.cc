// The parts of the session that come before transactions: the PROXY header of a load
// balancer, the TLS handshake, whether it comes first or by STARTTLS (RFC 3207), the
// greeting, LHLO and XCLIENT.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "plugins/lmtpd/session.h"
#include "plugins/lmtpd/xclient.h"

namespace restante::lmtp {
namespace {

constexpr absl::string_view kAnnouncedAttributes(kXclientAttributes.data(),
                                                 kXclientAttributes.size());

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
  if (behind_proxy_) {
    const bool taken = co_await TakeProxyHeader();
    if (!taken) co_return;
  }
  client_ = peer_;
  may_xclient_ = peer_.endpoint.has_value() &&
                 AnyContains(settings_.xclient_networks, peer_.endpoint->address());
  if (implicit_tls_) {
    const bool secured = co_await Handshake();
    if (!secured) co_return;
  }
  Greet();
}

asio::awaitable<bool> Session::TakeProxyHeader() {
  ProxyParse parse;
  Connection::Outcome outcome = Connection::Outcome::kInterrupted;
  if (!draining_) {
    idle_ = true;
    outcome = co_await connection_.ReceiveProxyHeader(&parse, settings_.proxy_timeout);
    idle_ = false;
  }
  if (outcome == Connection::Outcome::kOk) {
    LogDebug("lmtp", "Connection of a load balancer", {{"from", peer_.Address()}});
    // One for itself (a health check) has its own address.
    if (!parse.header.local) peer_.endpoint = parse.header.source;
    proxied_tls_ = parse.header.tls && settings_.trust_proxied_tls;
    co_return true;
  }
  // A load balancer that only looks whether the port is open says nothing, and is no
  // mistake.
  const bool late = outcome == Connection::Outcome::kTimeout;
  if (late || parse.outcome == ProxyParse::Outcome::kInvalid) {
    LogWarning("lmtp", "No PROXY header",
               {{"from", peer_.Address()}, {"why", late ? "too slow" : parse.error}});
  }
  lost_ = true;
  closing_ = true;
  co_return false;
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
  LogInfo("lmtp", "TLS handshake failed",
          {{"client", peer_.Address()}, {"why", WhyFailed(outcome)}});
  lost_ = true;
  closing_ = true;
  co_return false;
}

asio::awaitable<void> Session::StartTls() {
  if (settings_.tls == nullptr) {
    Refuse(reply::kNotImplemented);
    co_return;
  }
  if (Secure()) {
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
  client_ = peer_;
  helo_told_ = false;
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
  if (peer_.is_unix || (!certificate && !settings_.require_tls)) return nullptr;
  if (!Secure()) return &reply::kStartTlsFirst;
  return certificate && !certified_ ? &reply::kNoCertificate : nullptr;
}

void Session::Lhlo(std::string_view argument) {
  if (argument.empty()) return Refuse(reply::kLhloArgument);
  EndTransaction("LHLO");
  greeted_ = true;
  if (!helo_told_) client_.helo = argument;
  std::string& out = connection_.output();
  absl::StrAppend(&out, "250-", settings_.hostname,
                  "\r\n"
                  "250-PIPELINING\r\n"
                  "250-ENHANCEDSTATUSCODES\r\n"
                  "250-8BITMIME\r\n"
                  "250-SMTPUTF8\r\n"
                  "250-CHUNKING\r\n");
  if (settings_.announce_dsn) out += "250-DSN\r\n";
  if (settings_.tls != nullptr && !Secure()) out += "250-STARTTLS\r\n";
  if (may_xclient_) absl::StrAppend(&out, "250-XCLIENT ", kAnnouncedAttributes, "\r\n");
  absl::StrAppend(&out, "250 SIZE ", settings_.max_message_octets, "\r\n");
}

void Session::Xclient(std::string_view argument) {
  if (!may_xclient_) return Refuse(reply::kXclientRefused);
  if (transaction_ != nullptr) return Refuse(reply::kXclientInside);
  XclientArguments told;
  if (const Reply* refused = ParseXclient(argument, &told)) return Refuse(*refused);
  if (told.name.has_value()) client_.name = *std::move(told.name);
  if (told.login.has_value()) client_.login = *std::move(told.login);
  if (told.helo.has_value()) {
    client_.helo = *std::move(told.helo);
    helo_told_ = true;
  }
  if (told.address.has_value()) {
    client_.endpoint.reset();
    // An address without its port has none that is known.
    if (!told.address->is_unspecified()) client_.endpoint.emplace(*told.address, 0);
  }
  if (told.port.has_value() && client_.endpoint.has_value()) client_.endpoint->port(*told.port);
  LogInfo("lmtp", "XCLIENT",
          {{"client", client_.Address()},
           {"name", client_.name},
           {"helo", client_.helo},
           {"login", client_.login},
           {"from", peer_.Address()}});
  greeted_ = false;
  Greet();
}

}  // namespace restante::lmtp
