#include "common/notify.h"

#include <systemd/sd-daemon.h>

#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/log.h"

namespace restante {
namespace {

void Send(const std::string& state) {
  const int result = sd_notify(0, state.c_str());
  if (result < 0) {
    LogWarning("notify", "Can't tell the supervisor",
               {{"error", std::generic_category().message(-result)}});
  }
}

std::string OneLine(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\n", " "}, {"\r", " "}});
}

}  // namespace

void NotifyReady(const std::vector<std::pair<std::string, std::string>>& addresses) {
  std::string state = "READY=1";
  for (const auto& [name, address] : addresses) {
    absl::StrAppend(&state, "\n", name, "=", OneLine(address));
  }
  Send(state);
}

void NotifyStopping() { Send("STOPPING=1"); }

void NotifyStatus(const std::string& text) { Send(absl::StrCat("STATUS=", OneLine(text))); }

}  // namespace restante
