// The connections of an MTA, one coroutine for each protocol: requests in, answers out of
// the directory, in order. What is no request of the protocol's ends its connection.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "asio/awaitable.hpp"
#include "common/config.pb.h"
#include "common/stream_server.h"
#include "plugins/postfix/directory.h"

namespace restante::postfix {

// What is looked up: which addresses exist, or where aliases lead.
enum class Map { kRecipients, kAliases };

struct PolicySettings {
  config::OverQuota over_quota = config::OVER_QUOTA_DEFER;
  // In lower case; empty: all.
  std::vector<std::string> domains;
};

// Whether policies are about this recipient.
bool IsCovered(const PolicySettings& settings, std::string_view recipient);

// The directory and the settings must outlive the connection.
asio::awaitable<void> ServeSocketmap(StreamConnection& connection, Directory& directory);
asio::awaitable<void> ServeTcpTable(StreamConnection& connection, Directory& directory,
                                    Map map);
asio::awaitable<void> ServePolicy(StreamConnection& connection, Directory& directory,
                                  const PolicySettings& settings);

}  // namespace restante::postfix
