// restantectl: what an operator does by hand or from a script.
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "storage-service/ctl/command_line.h"

int main(int argc, char** argv) {
  return restante::ctl::RunCommandLine({argv + 1, argv + argc}, std::getenv("RESTANTE_SERVER"),
                                       {0, std::cout, std::cerr, isatty(2) == 1});
}
