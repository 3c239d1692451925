#include "pop3d/session_log.h"

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/net.h"

namespace restante::pop3 {
namespace {

constexpr absl::string_view kLoginComponent = "pop3-login";

std::string SessionComponent(const SessionIdentity& identity) {
  return absl::StrCat("pop3(", EscapeForLog(identity.user), ")<", identity.id, ">");
}

// "user=<u>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.2, TLS, session=<id>"
std::string Describe(const SessionIdentity& identity) {
  return absl::StrCat("user=<", EscapeForLog(identity.user), ">",
                      identity.method.empty() ? "" : ", method=", identity.method,
                      ", rip=", FormatHost(identity.remote.address()),
                      ", lip=", FormatHost(identity.local.address()),
                      identity.tls ? ", TLS" : "", identity.via, ", session=<", identity.id,
                      ">");
}

}  // namespace

void LogLogin(const SessionIdentity& identity) {
  if (!LogEnabled(LogLevel::kInfo)) return;
  LogMessage(LogLevel::kInfo, kLoginComponent, "Login",
             absl::StrCat("Login: ", Describe(identity)),
             {{"user", identity.user},
              {"method", identity.method},
              {"remote", FormatAddress(identity.remote)},
              {"local", FormatAddress(identity.local)},
              {"tls", identity.tls},
              {"via", identity.via},
              {"session", identity.id}});
}

void LogNoLogin(const SessionIdentity& identity, absl::string_view reason, uint32_t attempts,
                uint32_t wrong_credentials, TimeSpan duration) {
  if (!LogEnabled(LogLevel::kInfo)) return;
  const int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  const std::string summary =
      attempts == 0 ? absl::StrCat("no auth attempts in ", seconds, " secs")
                    : absl::StrCat(wrong_credentials > 0 ? "auth failed, " : "login refused, ",
                                   attempts, " attempts in ", seconds, " secs");
  const absl::string_view what = reason.empty() ? "Disconnected" : reason;
  LogMessage(LogLevel::kInfo, kLoginComponent, "Disconnected",
             absl::StrCat(what, " (", summary, "): ", Describe(identity)),
             {{"reason", what},
              {"attempts", attempts},
              {"seconds", seconds},
              {"user", identity.user},
              {"method", identity.method},
              {"remote", FormatAddress(identity.remote)},
              {"local", FormatAddress(identity.local)},
              {"tls", identity.tls},
              {"via", identity.via},
              {"session", identity.id}});
}

void LogEnd(const SessionIdentity& identity, absl::string_view reason,
            const SessionCounters& counters) {
  if (!LogEnabled(LogLevel::kInfo)) return;
  LogMessage(LogLevel::kInfo, SessionComponent(identity), "Disconnected",
             absl::StrCat("Disconnected: ", reason, " top=", counters.top_messages, "/",
                          counters.top_octets, ", retr=", counters.retr_messages, "/",
                          counters.retr_octets, ", del=", counters.deleted, "/",
                          counters.messages, ", size=", counters.octets),
             {{"reason", reason},
              {"user", identity.user},
              {"session", identity.id},
              {"remote", FormatAddress(identity.remote)},
              {"tls", identity.tls},
              {"top", counters.top_messages},
              {"top_octets", counters.top_octets},
              {"retr", counters.retr_messages},
              {"retr_octets", counters.retr_octets},
              {"deleted", counters.deleted},
              {"messages", counters.messages},
              {"octets", counters.octets}});
}

void CountHit(LimitCounters& counters, Limit limit, TimePoint now,
              const asio::ip::tcp::endpoint& remote, absl::string_view what) {
  const std::optional<uint64_t> hits = counters.Count(limit, now);
  if (!hits.has_value()) return;
  // Clients that are slow or wrong are every day's business; limits of what is there
  // are not.
  const bool common = limit == Limit::kTimeBeforeLogin || limit == Limit::kTimeInSession ||
                      limit == Limit::kFailedLogins || limit == Limit::kBadCommands ||
                      limit == Limit::kTlsHandshake || limit == Limit::kLineLength;
  const LogLevel level = common ? LogLevel::kDebug : LogLevel::kWarning;
  if (!LogEnabled(level)) return;
  LogMessage(level, kLoginComponent, "Limit hit",
             absl::StrCat("Limit hit: ", NameOf(limit), what.empty() ? "" : ", ", what,
                          ", rip=", FormatHost(remote.address()), ", times=", *hits),
             {{"limit", NameOf(limit)},
              {"what", what},
              {"remote", FormatAddress(remote)},
              {"times", *hits}});
}

void LogSessionError(const SessionIdentity& identity, absl::string_view event,
                     const absl::Status& status) {
  LogWarning(SessionComponent(identity), event, {{"error", status}});
}

}  // namespace restante::pop3
