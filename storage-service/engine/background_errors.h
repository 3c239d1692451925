// Hears of RocksDB's background errors (a flush or a compaction that failed, a
// log that could not be written), after which it takes no writes until somebody
// resumes it. That is the committer: RocksDB's own attempts, every five seconds
// and for a full disk only, are switched off.
#pragma once

#include <atomic>

#include "rocksdb/listener.h"

namespace restante::engine {

class BackgroundErrors : public rocksdb::EventListener {
 public:
  // True once after each error.
  bool Take() { return met_.exchange(false); }

  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status*) override {
    met_ = true;
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  std::atomic<bool> met_{false};
};

}  // namespace restante::engine
