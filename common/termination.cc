// The Termination of program.h: a signalfd read by a thread of its own.
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "common/log.h"
#include "common/notify.h"
#include "common/program.h"

namespace restante {
namespace {

sigset_t TerminationSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

Termination::Termination() = default;

Termination::~Termination() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    if (write(wake_fd_, &one, sizeof(one)) != sizeof(one)) std::abort();
    thread_.join();
    // From now on a signal ends the process: nothing may hold up the rest of its end.
    const sigset_t signals = TerminationSignals();
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  }
  if (signal_fd_ >= 0) close(signal_fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

void Termination::TakeSignals() {
  const sigset_t signals = TerminationSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_CLOEXEC);
  if (signal_fd_ < 0 || wake_fd_ < 0) std::abort();
  thread_ = std::thread([this] { AwaitSignals(); });
}

void Termination::AwaitSignals() {
  while (true) {
    pollfd ready[] = {{signal_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0) continue;
    if (ready[1].revents != 0) return;
    signalfd_siginfo info{};
    if (read(signal_fd_, &info, sizeof(info)) != sizeof(info)) continue;
    const bool interrupt = info.ssi_signo == SIGINT;
    // Told again: whatever holds up the shutdown, the log included, doesn't matter now.
    if (Requested()) _exit(128 + static_cast<int>(info.ssi_signo));
    LogInfo("program", "Stopping", {{"signal", interrupt ? "SIGINT" : "SIGTERM"}});
    Request();
  }
}

void Termination::Wait() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&requested_));
}

bool Termination::Requested() const {
  absl::MutexLock lock(&mutex_);
  return requested_;
}

void Termination::OnRequest(absl::AnyInvocable<void()> callback) {
  {
    absl::MutexLock lock(&mutex_);
    if (!requested_) {
      callback_ = std::move(callback);
      return;
    }
  }
  callback();
}

void Termination::ClearCallback() {
  absl::MutexLock lock(&mutex_);
  callback_ = nullptr;
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !running_callback_; };
  mutex_.Await(absl::Condition(&idle));
}

void Termination::Request() {
  absl::AnyInvocable<void()> callback;
  {
    absl::MutexLock lock(&mutex_);
    if (requested_) return;
    requested_ = true;
    callback = std::exchange(callback_, nullptr);
    running_callback_ = callback != nullptr;
  }
  NotifyStopping();
  if (callback == nullptr) return;
  callback();
  absl::MutexLock lock(&mutex_);
  running_callback_ = false;
}

}  // namespace restante
