#include "storage-service/store/ticker.h"

#include <utility>

namespace restante::store {

Ticker::Ticker(std::function<absl::Duration()> tick)
    : tick_(std::move(tick)), thread_([this] { Run(); }) {}

Ticker::~Ticker() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void Ticker::Wake() {
  absl::MutexLock lock(&mutex_);
  woken_ = true;
}

void Ticker::Run() {
  auto due = [this] {
    mutex_.AssertReaderHeld();
    return woken_ || stopping_;
  };
  while (true) {
    const absl::Duration wait = tick_();
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&due), wait);
    if (stopping_) return;
    woken_ = false;
  }
}

}  // namespace restante::store
