// The whole of restante-deliver: options, configuration, delivery, exit code.
#pragma once

namespace restante::deliver {

// Reads the message from descriptor 0, and returns the exit code, one of sysexits(3).
int Run(int argc, char** argv);

}  // namespace restante::deliver
