// What happens before the first command: the PROXY header of a load balancer, the
// limits of the client's address, the handshake of RFC 8314, the greeting.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/net.h"
#include "common/proxy_protocol.h"
#include "pop3d/session.h"

namespace restante::pop3 {
namespace {

// Of each word of a load balancer, for the log; it is kept with the session.
constexpr size_t kToldOctets = 255;

}  // namespace

asio::awaitable<void> Session::Greet() {
  const Settings& settings = environment_.settings;
  connection_.SetEnd(start_ + settings.login_timeout + settings.lock_wait);
  quiet_ = arrival_.refused.has_value();
  if (arrival_.behind_proxy) {
    const bool taken = co_await TakeProxyHeader();
    if (!taken) co_return;
  }
  if (arrival_.implicit_tls) {
    if (arrival_.refused.has_value() && !arrival_.farewell.counted() &&
        !environment_.farewells.Enter(&arrival_.farewell)) {
      Close("Disconnected: Too many");
      co_return;
    }
    const bool secured = co_await Handshake();
    if (!secured) co_return;
  }
  connection_.SetTimeout(settings.authorization_timeout);
  if (arrival_.refused.has_value()) {
    TellAndClose(kSysTempCode, RefusalOf(*arrival_.refused), "Disconnected: Too many");
  } else {
    Ok(Text::kReady);
  }
}

asio::awaitable<bool> Session::Handshake() {
  connection_.SetTimeout(environment_.settings.tls_handshake_timeout);
  const bool secured = co_await connection_.StartTls(*environment_.tls);
  if (!secured) {
    if (connection_.timed_out()) Hit(Limit::kTlsHandshake);
    Close("Disconnected: TLS handshake failed");
    co_return false;
  }
  connection_.SetTimeout(environment_.settings.authorization_timeout);
  identity_.tls = true;
  co_return true;
}

asio::awaitable<bool> Session::TakeProxyHeader() {
  connection_.SetTimeout(environment_.settings.proxy.timeout);
  ProxyParse parse;
  const bool whole = co_await connection_.ReceiveProxyHeader(&parse);
  if (whole) {
    UseProxyHeader(parse.header);
    co_return true;
  }
  if (connection_.timed_out() || parse.outcome == ProxyParse::Outcome::kInvalid) {
    Hit(Limit::kProxyHeader, connection_.timed_out() ? "no whole header in time" : parse.error);
  } else {
    // A load balancer that only looks whether the port is open.
    quiet_ = true;
  }
  Close("Disconnected: No PROXY header");
  co_return false;
}

void Session::UseProxyHeader(const ProxyHeader& header) {
  absl::StrAppend(&identity_.via, ", via=", FormatHost(identity_.remote.address()));
  const std::pair<absl::string_view, const std::string&> told[] = {
      {"sni", header.authority},     {"alpn", header.alpn},    {"tls", header.tls_version},
      {"cipher", header.tls_cipher}, {"id", header.unique_id},
  };
  for (const auto& [name, value] : told) {
    if (value.empty()) continue;
    absl::StrAppend(&identity_.via, ", ", name, "=<", EscapeForLog(value, kToldOctets), ">");
  }
  if (header.tls && environment_.settings.proxy.trust_tls) {
    proxied_tls_ = true;
    identity_.tls = true;
  }
  // The load balancer's own connections have its own address, which isn't limited.
  if (header.local) return;
  identity_.remote = header.source;
  identity_.local = header.destination;
  if (arrival_.refused.has_value()) return;
  arrival_.refused = environment_.limits.addresses.Enter(
      header.source.address(), environment_.link.deadlines().Now(), &arrival_.ticket);
  if (arrival_.refused.has_value()) {
    quiet_ = true;
    Hit(*arrival_.refused);
  }
}

void Session::Hit(Limit limit, absl::string_view what) {
  CountHit(environment_.limits.counters, limit, environment_.link.deadlines().Now(),
           identity_.remote, what);
}

}  // namespace restante::pop3
