#include "storage-service/rpc/completion_thread.h"

namespace restante::rpc {

CompletionThread::CompletionThread(grpc::ServerBuilder& builder)
    : queue_(builder.AddCompletionQueue()) {}

CompletionThread::~CompletionThread() { Stop(); }

void CompletionThread::Start() {
  thread_ = std::thread([this] { Run(); });
}

void CompletionThread::Stop() {
  if (stopped_) return;
  stopped_ = true;
  queue_->Shutdown();
  if (thread_.joinable()) {
    thread_.join();
  } else {
    Run();
  }
}

void CompletionThread::Run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) static_cast<Completion*>(tag)->Complete(ok);
}

}  // namespace restante::rpc
