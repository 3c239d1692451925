// Clients of the services that gRPC itself brings along.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>

#include "tests/rpc/server_fixture.h"
#include "tests/rpc/standard_services.pb.h"

namespace restante::rpc {

inline constexpr int kServing = 1;
inline constexpr int kNotServing = 2;

// The status of the server as a whole.
inline int Health(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::TemplatedGenericStub<test::HealthCheckRequest, test::HealthCheckResponse> stub(channel);
  grpc::CompletionQueue queue;
  Call call;
  test::HealthCheckResponse response;
  grpc::Status status;
  const auto rpc = stub.PrepareUnaryCall(&call, "/grpc.health.v1.Health/Check", {}, &queue);
  rpc->StartCall();
  rpc->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.status();
}

// Follows the status of the server as a whole.
class HealthWatch {
 public:
  explicit HealthWatch(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(channel),
        rpc_(stub_.PrepareCall(&call_, "/grpc.health.v1.Health/Watch", &queue_)) {
    rpc_->StartCall(nullptr);
    Await();
    rpc_->WriteLast({}, {}, nullptr);
    Await();
  }

  // The next status; 0 when the server has ended the watch.
  int Next() {
    test::HealthCheckResponse response;
    rpc_->Read(&response, nullptr);
    return Await() ? response.status() : 0;
  }

  // Until then the watch is a call under way.
  void Cancel() { call_.TryCancel(); }

 private:
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
    return ok;
  }

  grpc::TemplatedGenericStub<test::HealthCheckRequest, test::HealthCheckResponse> stub_;
  grpc::CompletionQueue queue_;
  Call call_;
  std::unique_ptr<
      grpc::ClientAsyncReaderWriter<test::HealthCheckRequest, test::HealthCheckResponse>>
      rpc_;
};

// One question to the reflection service.
inline test::ReflectionResponse Reflect(const std::shared_ptr<grpc::Channel>& channel,
                                        const test::ReflectionRequest& request) {
  grpc::TemplatedGenericStub<test::ReflectionRequest, test::ReflectionResponse> stub(channel);
  grpc::CompletionQueue queue;
  Call call;
  test::ReflectionResponse response;
  void* tag = nullptr;
  bool ok = false;
  const auto rpc = stub.PrepareCall(
      &call, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  rpc->StartCall(nullptr);
  queue.Next(&tag, &ok);
  rpc->WriteLast(request, {}, nullptr);
  queue.Next(&tag, &ok);
  rpc->Read(&response, nullptr);
  queue.Next(&tag, &ok);
  EXPECT_TRUE(ok);
  grpc::Status status;
  rpc->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

}  // namespace restante::rpc
