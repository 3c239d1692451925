#include "common/stream_program.h"

#include <chrono>
#include <set>
#include <utility>

#include "common/log.h"
#include "common/notify.h"

namespace restante {

void ServeStreams(StreamServer& server, const std::vector<std::string>& names,
                  const char* component, grpc::Channel& storage, Termination& termination) {
  std::vector<std::pair<std::string, std::string>> noted;
  std::set<std::string> seen;
  const std::vector<ListenAddress> addresses = server.addresses();
  for (size_t i = 0; i < addresses.size(); ++i) {
    LogInfo(component, "Listening", {{"address", FormatAddress(addresses[i])}});
    // The first of each name.
    if (seen.insert(names[i]).second) noted.emplace_back(names[i], FormatAddress(addresses[i]));
  }
  server.Start();
  NotifyStatus("waiting for the storage service");
  bool ready = false;
  while (!ready && !termination.Requested()) {
    ready = storage.WaitForConnected(std::chrono::system_clock::now() +
                                     std::chrono::milliseconds(200));
  }
  if (ready) {
    NotifyReady(noted);
    LogInfo(component, "Ready");
  }
  termination.Wait();
  server.Stop();
}

}  // namespace restante
