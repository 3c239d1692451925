// A server on a free port of the loopback, over a store of the test's, and a
// channel to it as every program opens it.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "common/errors.h"
#include "common/grpc_channel.h"
#include "common/grpc_status.h"
#include "storage-service/rpc/server.h"

namespace restante::rpc {

inline ServerOptions OnLoopback(const std::string& address = "127.0.0.1:0") {
  ServerOptions options;
  options.listen.push_back(*ParseListenAddress(address));
  return options;
}

// A call that would hang fails instead.
class Call : public grpc::ClientContext {
 public:
  Call() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60)); }
};

class RunningServer {
 public:
  explicit RunningServer(store::Store& store, ServerOptions options = OnLoopback())
      : server_(Start(store, std::move(options))),
        address_(FormatAddress(server_->addresses().front())),
        channel_(OpenChannel(address_)) {}

  Server& server() { return *server_; }
  const std::string& address() const { return address_; }
  std::shared_ptr<grpc::Channel> channel() { return channel_; }

  void Shutdown(absl::Duration grace = absl::Seconds(30)) {
    server_->Shutdown(absl::Now() + grace);
  }

 private:
  static std::unique_ptr<Server> Start(store::Store& store, ServerOptions options) {
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(store, std::move(options));
    if (!server.ok()) ADD_FAILURE() << server.status();
    return *std::move(server);
  }

  std::unique_ptr<Server> server_;
  const std::string address_;
  const std::shared_ptr<grpc::Channel> channel_;
};

inline v1::ErrorReason ReasonOf(const grpc::Status& status) {
  return restante::ReasonOf(FromGrpcStatus(status));
}

inline v1::ErrorReason ReasonOf(const google::rpc::Status& status) {
  return restante::ReasonOf(FromRpcStatus(status));
}

}  // namespace restante::rpc
