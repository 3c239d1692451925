// A completion queue with the one thread that serves it. The two hot streams have
// one each: events of all streams of a kind are handled one after the other, in
// the order of their arrival, with no hop between threads.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <thread>

namespace restante::rpc {

// What stands behind a tag of the queue.
class Completion {
 public:
  virtual ~Completion() = default;

  // The operation is over; `ok` as gRPC defines it for that operation. Must not
  // block: all other streams wait meanwhile.
  virtual void Complete(bool ok) = 0;
};

class CompletionThread {
 public:
  // To be made before the server is built.
  explicit CompletionThread(grpc::ServerBuilder& builder);
  ~CompletionThread();
  CompletionThread(const CompletionThread&) = delete;
  CompletionThread& operator=(const CompletionThread&) = delete;

  grpc::ServerCompletionQueue* queue() { return queue_.get(); }

  // Once the server is built.
  void Start();

  // Handles what is left and ends the thread. The server has been shut down
  // before, and nothing begins an operation on this queue any more.
  void Stop();

 private:
  void Run();

  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread thread_;
  bool stopped_ = false;
};

}  // namespace restante::rpc
