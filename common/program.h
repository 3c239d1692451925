// The start and the end of every server program: options, configuration, logging,
// signals and limits, in one order and with one set of exit codes. What the program
// does between is its own.
//
//   int main(int argc, char** argv) {
//     return restante::RunProgram<config::Pop3dConfig>(
//         argc, argv,
//         {.name = "restante-pop3d",
//          .summary = "Serves maildrops over POP3.",
//          .schema = "pop3d/config.proto"},
//         DefaultConfig(), CheckConfig, Serve);
//   }
//
// Options: --config FILE, --set key.path=value (repeated, after the file),
// --check-config, --print-config, --version, --help.
// Exit codes: 0 done, 1 the program failed, 2 wrong options or configuration.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/config.pb.h"
#include "google/protobuf/message.h"

namespace restante {

// The release, such as "0.1.0".
extern const char kVersion[];

// The wish to end, by SIGTERM or SIGINT. Signals are taken by a thread of its own, so
// that callbacks may do anything; a second signal ends the process at once. Thread-safe.
class Termination {
 public:
  Termination();
  ~Termination();
  Termination(const Termination&) = delete;
  Termination& operator=(const Termination&) = delete;

  // Blocks until the end is wished for: for a program whose threads are a library's.
  void Wait() ABSL_LOCKS_EXCLUDED(mutex_);
  bool Requested() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `callback` once, on the signal thread, or at once on the caller's if the end
  // was wished for already. For Asio: post the shutdown to the io_context. One callback
  // a program; what it captures must outlive this object or be released by
  // ClearCallback().
  void OnRequest(absl::AnyInvocable<void()> callback) ABSL_LOCKS_EXCLUDED(mutex_);

  // After this returns the callback doesn't run and isn't running any more. Not to be
  // called by the callback itself.
  void ClearCallback() ABSL_LOCKS_EXCLUDED(mutex_);

  // What a signal does; for a program that finds it can't go on, and for tests.
  void Request() ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes SIGTERM and SIGINT from now on. RunProgram calls it; tests needn't.
  void TakeSignals();

 private:
  void AwaitSignals();

  mutable absl::Mutex mutex_;
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool running_callback_ ABSL_GUARDED_BY(mutex_) = false;
  absl::AnyInvocable<void()> callback_ ABSL_GUARDED_BY(mutex_);
  int signal_fd_ = -1;
  int wake_fd_ = -1;
  std::thread thread_;
};

struct ProgramSpec {
  std::string name;     // as installed: "restante-pop3d"
  std::string summary;  // one or two sentences for --help
  std::string schema;   // the schema's path in the source tree: "pop3d/config.proto"
};

// The part of RunProgram that doesn't know the configuration's type. `log`, `check` and
// `serve` read *config once it is complete.
int RunProgramWithMessage(int argc, char** argv, const ProgramSpec& spec,
                          google::protobuf::Message* config,
                          const std::function<config::Log()>& log,
                          const std::function<absl::Status()>& check,
                          const std::function<absl::Status(Termination&)>& serve);

// Config has a field `restante.config.Log log`. `check` finds what the schema can't
// express and answers ConfigError(); it touches nothing outside, so that --check-config
// runs anywhere. `serve` returns when the program has ended, after Termination was
// requested or with the error that ended it.
template <typename Config>
int RunProgram(int argc, char** argv, const ProgramSpec& spec, Config defaults,
               const std::function<absl::Status(const Config&)>& check,
               const std::function<absl::Status(const Config&, Termination&)>& serve) {
  if (defaults.log().level() == config::LOG_LEVEL_UNSPECIFIED) {
    defaults.mutable_log()->set_level(config::LOG_LEVEL_INFO);
  }
  if (defaults.log().format() == config::LOG_FORMAT_UNSPECIFIED) {
    defaults.mutable_log()->set_format(config::LOG_FORMAT_TEXT);
  }
  return RunProgramWithMessage(
      argc, argv, spec, &defaults, [&] { return defaults.log(); },
      [&] { return check ? check(defaults) : absl::OkStatus(); },
      [&](Termination& termination) { return serve(defaults, termination); });
}

}  // namespace restante
