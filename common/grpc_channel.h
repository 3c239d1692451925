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

// The same for streams of bodies: the service may be ahead of what the caller has
// read by 64 KiB a stream and no more. By default gRPC lets that grow to several
// MiB once a stream was fast, which a client that stops reading would then hold.
std::shared_ptr<grpc::Channel> OpenBodyChannel(const std::string& address);

}  // namespace restante
