// Deliveries over the contract's DeliverStream, each checked in its answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/messages.h"

namespace restante::bench {

struct DeliveryPlan {
  std::string server;              // HOST:PORT
  std::vector<std::string> users;  // addresses
  size_t streams = 64;             // each over a connection of its own
  size_t under_way = 1;            // deliveries on each; the next begins when one is answered
  std::chrono::steady_clock::time_point measured_from;
  std::chrono::steady_clock::time_point until;
};

struct Delivered {
  uint64_t messages = 0;  // answered within the measured time
  // The numbers of all messages that were answered OK.
  std::map<std::string, std::vector<uint64_t>> numbers;
};

// Returns when all deliveries that began before `until` are answered. Blocks.
Delivered DeliverOverStreams(const DeliveryPlan& plan, const Messages& messages);

}  // namespace restante::bench
