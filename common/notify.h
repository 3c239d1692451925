// Tells the supervisor about the program's state, by sd_notify(3): systemd, ./dev run
// and the tests listen on $NOTIFY_SOCKET and so learn, without polling, when a program
// serves and which ports it got. Without a supervisor nothing happens. Thread-safe.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace restante {

// Sends READY=1 with one more line for each address, "NAME=ADDRESS". Names are whole,
// such as X_RESTANTE_POP3; addresses are bound ones, "127.0.0.1:1110", "[::1]:995" or
// "unix:/path". Called once, when the program really serves: listening, and its
// connection to the storage service up.
void NotifyReady(const std::vector<std::pair<std::string, std::string>>& addresses);

// Sends STOPPING=1: the program has begun to shut down.
void NotifyStopping();

// Sends STATUS=text, one line for people, such as "waiting for the storage service".
void NotifyStatus(const std::string& text);

}  // namespace restante
