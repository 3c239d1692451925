// How far an import or an export has come: a line on standard error that is drawn anew
// where that is a terminal, and now and then a line of its own where it isn't; events of
// JSON, one a line, with --json.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/ctl/json.h"
#include "storage-service/ctl/session.h"

namespace restante::ctl {

// What is known at some moment.
struct ProgressFigures {
  uint64_t messages = 0;
  uint64_t of = 0;  // about; 0: not known
  uint64_t octets = 0;
  double messages_per_second = 0;
  double octets_per_second = 0;
  absl::Duration left;  // infinite: not known
};

// "1200 of 5000 messages (24 %), 2310/s, 9.0 MiB/s, 2s left".
std::string FormatProgress(const ProgressFigures& figures);

class Progress {
 public:
  using Clock = std::function<absl::Time()>;

  // `verb` begins each line: "import", "export".
  Progress(const Session& session, std::string verb, uint64_t messages,
           Clock clock = absl::Now);

  // So many more are done; `new_octets` of them weren't passed over.
  void Advance(uint64_t messages, uint64_t new_octets) ABSL_LOCKS_EXCLUDED(mutex_);

  // A line beside it, for people, or an event for programs.
  void Say(absl::string_view line) ABSL_LOCKS_EXCLUDED(mutex_);
  void Tell(const Json& event) ABSL_LOCKS_EXCLUDED(mutex_);
  bool json() const { return session_.json(); }

  // The last line, if there was one before.
  void Finish() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Sample {
    absl::Time at;
    uint64_t messages = 0;
    uint64_t octets = 0;
  };

  ProgressFigures Figures() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Draw() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Erase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Session& session_;
  const std::string verb_;
  const uint64_t of_;
  const Clock clock_;
  const absl::Duration interval_;

  absl::Mutex mutex_;
  Sample now_ ABSL_GUARDED_BY(mutex_);
  // Of the last half minute: the rate is what it was lately.
  std::deque<Sample> samples_ ABSL_GUARDED_BY(mutex_);
  size_t drawn_ ABSL_GUARDED_BY(mutex_) = 0;  // columns on the terminal
  bool told_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace restante::ctl
