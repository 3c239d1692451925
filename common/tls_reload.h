// Keeps a server's TLS files up to date while it serves: a thread of its own looks at
// them every so often. It sleeps otherwise, and needs nobody's event loop.
#pragma once

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/tls.h"

namespace restante {

class TlsReloader {
 public:
  // Looks every `interval`, until it is destroyed. `tls` must outlive it.
  TlsReloader(ServerTls& tls, absl::Duration interval);
  ~TlsReloader();
  TlsReloader(const TlsReloader&) = delete;
  TlsReloader& operator=(const TlsReloader&) = delete;

 private:
  void Watch() ABSL_LOCKS_EXCLUDED(mutex_);

  ServerTls& tls_;
  const absl::Duration interval_;
  absl::Mutex mutex_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace restante
