#include "common/program.h"

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/config.h"
#include "common/grpc_log.h"
#include "common/log.h"
#include "common/notify.h"

namespace restante {

const char kVersion[] = RESTANTE_VERSION;

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Options {
  std::string config_file;
  std::vector<std::string> overrides;
  bool check_config = false;
  bool print_config = false;
};

// The exit code if the program has nothing left to do, otherwise nothing.
std::optional<int> ParseOptions(int argc, char** argv, const ProgramSpec& spec,
                                Options* options) {
  CLI::App app(spec.summary, spec.name);
  app.set_version_flag("--version", absl::StrCat(spec.name, " ", kVersion));
  app.add_option("--config", options->config_file, "YAML file with the configuration")
      ->type_name("FILE");
  app.add_option("--set", options->overrides,
                 "Override one key of the file, such as log.level=debug; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--check-config", options->check_config,
               "Check options and configuration, then exit");
  app.add_flag("--print-config", options->print_config,
               "Print the configuration in effect, defaults included, then exit");
  app.footer(
      absl::StrCat("Everything has a default; no file is needed. The keys are described in\n",
                   "docs/configuration.md, their schema is ", spec.schema, "."));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, std::cout, std::cerr);
    return code == 0 ? 0 : kUsage;
  }
  return std::nullopt;
}

absl::Status Configure(const Options& options, google::protobuf::Message* config,
                       const std::function<absl::Status()>& check) {
  if (!options.config_file.empty()) {
    if (absl::Status status = LoadYaml(options.config_file, config); !status.ok())
      return status;
  }
  for (const std::string& assignment : options.overrides) {
    if (absl::Status status = ApplyOverride(assignment, config); !status.ok()) return status;
  }
  absl::Status status = check();
  if (status.ok() || options.config_file.empty()) return status;
  return absl::Status(status.code(), absl::StrCat(options.config_file, ": ", status.message()));
}

LogConfig LoggingFrom(const config::Log& log) {
  LogConfig result;
  switch (log.level()) {
    case config::LOG_LEVEL_DEBUG:
      result.level = LogLevel::kDebug;
      break;
    case config::LOG_LEVEL_WARNING:
      result.level = LogLevel::kWarning;
      break;
    case config::LOG_LEVEL_ERROR:
      result.level = LogLevel::kError;
      break;
    default:
      result.level = LogLevel::kInfo;
  }
  result.format = log.format() == config::LOG_FORMAT_JSON ? LogFormat::kJson : LogFormat::kText;
  return result;
}

// Each session is a descriptor, and the soft limit of 1024 is there only for programs
// that use select(2).
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int RunProgramWithMessage(int argc, char** argv, const ProgramSpec& spec,
                          google::protobuf::Message* config,
                          const std::function<config::Log()>& log,
                          const std::function<absl::Status()>& check,
                          const std::function<absl::Status(Termination&)>& serve) {
  Options options;
  if (const std::optional<int> code = ParseOptions(argc, argv, spec, &options)) return *code;
  if (absl::Status status = Configure(options, config, check); !status.ok()) {
    std::cerr << spec.name << ": " << std::string(status.message()) << "\n";
    return kUsage;
  }
  if (options.print_config) {
    std::cout << ToYaml(*config);
    return 0;
  }
  if (options.check_config) {
    std::cout << "configuration is valid\n";
    return 0;
  }

  std::signal(SIGPIPE, SIG_IGN);
  RaiseFileLimit();
  absl::Status status;
  {
    // Before any other thread, so that all of them leave the signals to this one.
    Termination termination;
    termination.TakeSignals();
    ConfigureLogging(LoggingFrom(log()));
    RouteGrpcLog();
    // Debian builds Abseil so that each Mutex, gRPC's too, is entered into one graph of
    // the process under one lock, to find deadlocks.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    LogInfo(spec.name, "Starting", {{"version", kVersion}, {"config", options.config_file}});
    status = serve(termination);
    termination.ClearCallback();
    if (!termination.Requested()) NotifyStopping();
  }
  if (status.ok()) {
    LogInfo(spec.name, "Stopped");
  } else {
    LogError(spec.name, "Failed", {{"error", status}});
  }
  StopLogging();
  return status.ok() ? 0 : kFailed;
}

}  // namespace restante
