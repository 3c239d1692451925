// How every program of Restante reaches the storage service.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace restante {

// A channel to HOST:PORT or unix:PATH, in the clear. It connects with the first
// call and again whenever the connection is lost: after 100 ms, then with growing
// pauses of at most 2 s. A connection whose peer vanished without a word is found
// dead within 15 s while a call is under way.
//
// Calls are never retried by the channel: what may be repeated, and when, is for
// the caller to know. Messages from the service may have any size; deadlines hold.
// Every call opens a channel of its own; keep it.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address);

}  // namespace restante
