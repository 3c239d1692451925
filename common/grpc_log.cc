#include "common/grpc_log.h"

#include <grpc/support/log.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace restante {
namespace {

void WriteToLog(gpr_log_func_args* message) {
  const std::string where = absl::StrCat(message->file, ":", message->line);
  if (message->severity == GPR_LOG_SEVERITY_ERROR) {
    LogWarning("grpc", "Trouble", {{"error", message->message}, {"where", where}});
  } else {
    LogDebug("grpc", "Note", {{"text", message->message}, {"where", where}});
  }
}

}  // namespace

void RouteGrpcLog() { gpr_set_log_function(WriteToLog); }

}  // namespace restante
