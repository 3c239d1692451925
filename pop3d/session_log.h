// The log lines of sessions, in the shapes that log tools know from Dovecot: one
// at login or instead of it, one at the end.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "asio/ip/tcp.hpp"
#include "pop3d/deadlines.h"
#include "pop3d/limits.h"

namespace restante::pop3 {

// Whose session it is, as far as is known.
struct SessionIdentity {
  std::string id;
  asio::ip::tcp::endpoint remote;
  asio::ip::tcp::endpoint local;
  bool tls = false;
  // By which load balancer, and what that says: ", via=192.0.2.9, sni=<pop.example>,
  // alpn=<pop3>, tls=<TLSv1.3>, cipher=<…>, id=<…>".
  std::string via;
  // Empty before the first attempt to log in.
  std::string user;
  absl::string_view method;
};

// What a logged-in session did.
struct SessionCounters {
  uint64_t top_messages = 0;
  uint64_t top_octets = 0;
  uint64_t retr_messages = 0;
  uint64_t retr_octets = 0;
  uint64_t deleted = 0;
  // Of the maildrop at login.
  uint64_t messages = 0;
  uint64_t octets = 0;
};

// `Login: user=<u>, method=PLAIN, rip=…, lip=…, TLS, session=<id>`
void LogLogin(const SessionIdentity& identity);

// `Disconnected (auth failed, 1 attempts in 2 secs): user=<u>, …`, with the reason
// in front when it isn't the client's going. Attempts that failed otherwise than by
// a wrong name or password read "login refused": tools that ban addresses for "auth
// failed" must not count a maildrop in use.
void LogNoLogin(const SessionIdentity& identity, absl::string_view reason, uint32_t attempts,
                uint32_t wrong_credentials, TimeSpan duration);

// `Disconnected: Logged out top=0/0, retr=2/1234, del=1/14, size=5678`
void LogEnd(const SessionIdentity& identity, absl::string_view reason,
            const SessionCounters& counters);

// Counts that a limit was hit; and says so, with `what` if there is more to say, unless
// it was hit within the same second before.
void CountHit(LimitCounters& counters, Limit limit, TimePoint now,
              const asio::ip::tcp::endpoint& remote, absl::string_view what = {});

// A line about something that went wrong inside a session.
void LogSessionError(const SessionIdentity& identity, absl::string_view event,
                     const absl::Status& status);

}  // namespace restante::pop3
