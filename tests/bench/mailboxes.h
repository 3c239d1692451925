// Mailboxes are filled before a measurement, and looked at behind it.
#pragma once

#include <cstddef>

#include "asio/awaitable.hpp"
#include "tests/bench/dialogues.h"
#include "tests/bench/run.h"

namespace restante::bench {

// Options::messages_per_user to each user, over LMTP.
asio::awaitable<void> FillMailboxes(Run* run, size_t number);

// The same into Maildirs, Options::maildirs/USER, which are made where they aren't there;
// whoever has the directory above them has them too. For servers without LMTP, and for
// mailboxes that are to be large. The first connection does it all.
asio::awaitable<void> FillMaildirs(Run* run, size_t number);

// Reads a mailbox: every message that was acknowledged is there once, with every octet,
// and nothing else is. If it is to be erased, it is empty then.
asio::awaitable<void> CheckMailbox(Run* run, Connection* connection, User* user,
                                   FetchOptions options);

// All users' mailboxes.
asio::awaitable<void> CheckMailboxes(Run* run, size_t number);
asio::awaitable<void> EmptyMailboxes(Run* run, size_t number);

}  // namespace restante::bench
