// One message from a descriptor to restante-lmtpd: the transaction of RFC 2033. Holds some
// 64 KiB of the message at a time, whatever its size.
//
// If a recipient is refused before the message nobody gets it: a delivery agent has one
// exit code for all of them, and it should be true for each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/deliver/config.pb.h"
#include "plugins/deliver/outcome.h"

namespace restante::deliver {

// Reads `input` to its end. `sender` as in Options; `config` was checked. A result of EX_OK
// means that every recipient has the message on disk.
Outcome Deliver(int input, std::optional<std::string> sender,
                const std::vector<std::string>& recipients,
                const config::DeliverConfig& config);

}  // namespace restante::deliver
