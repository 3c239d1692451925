#include "common/tls_reload.h"

namespace restante {

TlsReloader::TlsReloader(ServerTls& tls, absl::Duration interval)
    : tls_(tls), interval_(interval), thread_([this] { Watch(); }) {}

TlsReloader::~TlsReloader() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  thread_.join();
}

void TlsReloader::Watch() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&ending_), interval_)) return;
    }
    tls_.ReloadIfChanged();
  }
}

}  // namespace restante
