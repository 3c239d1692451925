// The load generator for the contract itself: durable deliveries over DeliverStream, and
// messages over Read, each octet checked; and `bare`, the server that a fetch is compared
// with. The result is one JSON object on standard output.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "common/grpc_channel.h"
#include "nlohmann/json.hpp"
#include "tests/bench/api_delivery.h"
#include "tests/bench/api_reading.h"
#include "tests/bench/bare_stream.h"
#include "tests/bench/connection.h"
#include "tests/bench/users.h"

namespace restante::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct ApiOptions {
  std::string server;
  std::string users_file;
  size_t streams = 1;
  size_t under_way = 1;
  double seconds = 5;
  double warm_up_seconds = 1;
  size_t octets = 4096;
  uint32_t bare_messages = 0;
};

Clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// Every message that was answered is there once, and nothing else; then none is.
void CheckAndErase(const ApiOptions& options, const std::vector<Credentials>& accounts,
                   const Messages& messages, const Delivered& delivered) {
  const auto channel = OpenChannel(options.server);
  for (const Credentials& account : accounts) {
    std::set<uint64_t> expected;
    if (const auto found = delivered.numbers.find(account.name);
        found != delivered.numbers.end()) {
      expected.insert(found->second.begin(), found->second.end());
    }
    ApiMailbox mailbox(channel, account.name, account.password);
    mailbox.Read(messages, [&](const MessageId& id, uint64_t) {
      if (id.user != account.name || expected.erase(id.number) == 0) {
        InvalidRun(account.name + ": message " + std::to_string(id.number) +
                   " is there twice, or was never acknowledged");
      }
    });
    if (!expected.empty()) {
      InvalidRun(account.name + ": acknowledged message " + std::to_string(*expected.begin()) +
                 " is missing");
    }
    mailbox.Erase();
  }
}

nlohmann::ordered_json Deliver(const ApiOptions& options) {
  const std::vector<Credentials> accounts = ReadUsers(options.users_file);
  const Messages messages(options.octets);
  DeliveryPlan plan{
      .server = options.server, .streams = options.streams, .under_way = options.under_way};
  for (const Credentials& account : accounts) plan.users.push_back(account.name);
  plan.measured_from = Clock::now() + Seconds(options.warm_up_seconds);
  plan.until = plan.measured_from + Seconds(options.seconds);
  const Delivered delivered = DeliverOverStreams(plan, messages);
  CheckAndErase(options, accounts, messages, delivered);
  return {{"operations", delivered.messages},
          {"per_second", static_cast<double>(delivered.messages) / options.seconds}};
}

nlohmann::ordered_json Fetch(const ApiOptions& options) {
  std::vector<Credentials> accounts;
  if (options.bare_messages == 0) {
    accounts = ReadUsers(options.users_file);
    if (accounts.size() < options.streams) InvalidRun("fewer users than streams");
  }
  const Messages messages(options.octets);
  const Clock::time_point from = Clock::now() + Seconds(options.warm_up_seconds);
  const Clock::time_point until = from + Seconds(options.seconds);
  std::atomic<uint64_t> fetched{0};
  std::atomic<uint64_t> octets{0};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < options.streams; ++i) {
    threads.emplace_back([&, i] {
      const auto channel = OpenChannel(options.server);
      const ApiMailbox mailbox =
          options.bare_messages > 0
              ? ApiMailbox(channel, options.bare_messages)
              : ApiMailbox(channel, accounts[i].name, accounts[i].password);
      if (mailbox.uids().empty()) InvalidRun("nothing to fetch");
      while (Clock::now() < until) {
        mailbox.Read(messages, [&](const MessageId&, uint64_t size) {
          const Clock::time_point now = Clock::now();
          if (now < from || now >= until) return;
          ++fetched;
          octets += size;
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return {{"operations", fetched.load()},
          {"per_second", static_cast<double>(fetched) / options.seconds},
          {"octets_per_second", static_cast<double>(octets) / options.seconds}};
}

// Until standard input ends. The first line of output is HOST:PORT.
void ServeBare(const ApiOptions& options) {
  BareStream service(options.octets);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) InvalidRun("no port for the bare server");
  std::printf("127.0.0.1:%d\n", port);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  server->Shutdown();
}

int Main(int argc, char** argv) {
  ApiOptions options;
  CLI::App app("Puts load on a storage service and checks all that it answers.");
  app.require_subcommand(1);
  app.add_option("--server", options.server, "HOST:PORT of the storage service");
  app.add_option("--users", options.users_file, "Lines of NAME<TAB>PASSWORD");
  app.add_option("--streams", options.streams, "Each over a connection of its own")
      ->check(CLI::PositiveNumber);
  app.add_option("--under-way", options.under_way, "Deliveries at once on each stream")
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "Measured time")->check(CLI::PositiveNumber);
  app.add_option("--warm-up", options.warm_up_seconds, "Seconds before");
  app.add_option("--octets", options.octets, "Of a message")->check(CLI::Range(512, 1048576));
  app.add_option("--bare-messages", options.bare_messages,
                 "fetch: the server is a bare one, and so many are asked of it at once");
  const CLI::App* const deliver =
      app.add_subcommand("deliver", "DeliverStream; then checks and empties the mailboxes");
  const CLI::App* const fetch = app.add_subcommand("fetch", "Read all of a mailbox");
  const CLI::App* const bare = app.add_subcommand("bare", "Serve frames that are ready");
  for (CLI::App* const command : app.get_subcommands(nullptr)) command->fallthrough();
  CLI11_PARSE(app, argc, argv);

  if (bare->parsed()) {
    ServeBare(options);
    return 0;
  }
  nlohmann::ordered_json result;
  if (deliver->parsed()) result = Deliver(options);
  if (fetch->parsed()) result = Fetch(options);
  if (result["operations"] == 0) InvalidRun("nothing was done in the measured time");
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace restante::bench

int main(int argc, char** argv) { return restante::bench::Main(argc, argv); }
