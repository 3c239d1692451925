// The file that tells a load generator its accounts.
#pragma once

#include <string>
#include <vector>

namespace restante::bench {

struct Credentials {
  std::string name;
  std::string password;
};

// Lines of NAME<TAB>PASSWORD; at least one, or the run is invalid.
std::vector<Credentials> ReadUsers(const std::string& path);

}  // namespace restante::bench
