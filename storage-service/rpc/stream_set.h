// The long-lived streams of a server, which a shutdown has to end: their clients
// would keep them open for ever. Thread-safe.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"

namespace restante::rpc {

class DrainableStream {
 public:
  virtual ~DrainableStream() = default;

  // Take no more from the client, answer what was taken, then end the call with
  // UNAVAILABLE.
  virtual void Drain() = 0;
};

class StreamSet {
 public:
  // Drains the stream at once when draining has begun.
  void Add(DrainableStream* stream) {
    absl::MutexLock lock(&mutex_);
    streams_.insert(stream);
    if (draining_) stream->Drain();
  }

  void Remove(DrainableStream* stream) {
    absl::MutexLock lock(&mutex_);
    streams_.erase(stream);
  }

  void DrainAll() {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
    for (DrainableStream* stream : streams_) stream->Drain();
  }

 private:
  absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<DrainableStream*> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::rpc
