// The command line of restantectl, from arguments to exit code.
#pragma once

#include <string>
#include <vector>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

// Carries out what `arguments` (without the program's name) ask for. `environment` is
// the value of RESTANTE_SERVER, or null. An ExitCode.
int RunCommandLine(std::vector<std::string> arguments, const char* environment,
                   Streams streams);

}  // namespace restante::ctl
