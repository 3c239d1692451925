#include "tests/bench/users.h"

#include <fstream>

#include "tests/bench/connection.h"

namespace restante::bench {

std::vector<Credentials> ReadUsers(const std::string& path) {
  std::ifstream file(path);
  std::vector<Credentials> users;
  for (std::string line; std::getline(file, line);) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) InvalidRun(path + ": not a NAME<TAB>PASSWORD: " + line);
    users.push_back({line.substr(0, tab), line.substr(tab + 1)});
  }
  if (users.empty()) InvalidRun(path + ": no users");
  return users;
}

}  // namespace restante::bench
