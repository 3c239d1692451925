#include "storage-service/rpc/completion_thread.h"

#include <grpcpp/alarm.h>

#include "absl/synchronization/notification.h"

namespace restante::rpc {

CompletionThread::CompletionThread(grpc::ServerBuilder& builder)
    : queue_(builder.AddCompletionQueue()) {}

CompletionThread::~CompletionThread() { Stop(); }

void CompletionThread::Start() {
  thread_ = std::thread([this] { Run(); });
}

void CompletionThread::AwaitHandled() {
  struct Barrier final : Completion {
    void Complete(bool /*ok*/) override { reached.Notify(); }
    absl::Notification reached;
  } barrier;
  grpc::Alarm alarm;
  alarm.Set(queue_.get(), gpr_inf_past(GPR_CLOCK_REALTIME), &barrier);
  barrier.reached.WaitForNotification();
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
