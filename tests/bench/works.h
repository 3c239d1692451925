// The works of the load generator: what its connections do until the run is over. Each
// can be given to Run::Measure or Run::MeasureToTheEnd.
#pragma once

#include <cstddef>

#include "asio/awaitable.hpp"
#include "tests/bench/run.h"

namespace restante::bench {

// Sessions; each connection has users of its own, as a maildrop takes one session.
asio::awaitable<void> PollForever(Run* run, size_t number);
asio::awaitable<void> StatForever(Run* run, size_t number);  // log in, STAT, QUIT
asio::awaitable<void> FetchForever(Run* run, size_t number);
asio::awaitable<void> HandshakeForever(Run* run, size_t number);  // greeting, QUIT

// Each user's mailbox once: log in, LIST, RETR and DELE of each message, QUIT. What was
// acknowledged has to be there, and nothing else.
asio::awaitable<void> DrainAll(Run* run, size_t number);

// A session for each user, logged in and behind a STAT; then all of them, which have to
// live still, end.
asio::awaitable<void> OpenSessions(Run* run, size_t number);
asio::awaitable<void> EndSessions(Run* run, size_t number);

// LMTP transactions, each to the next group of users, which connections share if there
// are fewer groups than connections.
asio::awaitable<void> DeliverForever(Run* run, size_t number);

}  // namespace restante::bench
