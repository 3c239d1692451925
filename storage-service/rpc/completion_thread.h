// The completion queue of the server and the one thread that serves it. All calls
// go through this thread, and no other thread of the process waits for sockets:
// with a second one, gRPC hands each event from one to the other, which doubles
// the processor time of a small message (docs/decisions/0005-one-network-thread.md).
// The store's work is done elsewhere; its answers are written by whichever thread
// has them.
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
  // block: all other calls wait meanwhile.
  virtual void Complete(bool ok) = 0;
};

// A tag that calls a member function of its owner.
template <typename Owner>
class MemberCompletion final : public Completion {
 public:
  MemberCompletion(Owner* owner, void (Owner::*handler)(bool))
      : owner_(owner), handler_(handler) {}
  void Complete(bool ok) override { (owner_->*handler_)(ok); }

 private:
  Owner* const owner_;
  void (Owner::*const handler_)(bool);
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

  // Blocks until all that has happened before this call was handled.
  void AwaitHandled();

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
