// The smallest program that RunProgram starts: it tells the supervisor that it serves,
// waits for its end, and fails or hangs when its configuration says so.
#include <sys/resource.h>
#include <unistd.h>

#include "common/config.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/program.h"
#include "tests/common/sample.pb.h"

namespace {

using restante::config::Sample;

absl::Status Check(const Sample& config) {
  if (config.port() > 65535) {
    return restante::ConfigError("port", "must be at most 65535");
  }
  return absl::OkStatus();
}

absl::Status Serve(const Sample& config, restante::Termination& termination) {
  if (!config.fail().empty()) return absl::UnavailableError(config.fail());
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  restante::LogInfo("sample", "Serving", {{"all_files", files.rlim_cur == files.rlim_max}});
  restante::NotifyStatus("about to\nserve");
  restante::NotifyReady({{"X_RESTANTE_SAMPLE", "127.0.0.1:1"}});
  termination.Wait();
  while (config.hang()) pause();
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  Sample defaults;
  defaults.set_port(1110);
  return restante::RunProgram<Sample>(argc, argv,
                                      {.name = "restante-sample",
                                       .summary = "Does nothing, well.",
                                       .schema = "tests/common/sample.proto"},
                                      defaults, Check, Serve);
}
