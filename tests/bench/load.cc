// The load generator of ./dev bench: POP3 polls and fetches and LMTP deliveries over
// many connections at once, on one thread, against any server. It checks all that it
// receives and ends with exit code 1 at the first thing that is wrong. The result is
// one JSON object on standard output; it tells this program's own share of a CPU, so
// that a run in which the generator was the bottleneck shows.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/io_context.hpp"
#include "nlohmann/json.hpp"
#include "tests/bench/connection.h"
#include "tests/bench/dialogues.h"
#include "tests/bench/messages.h"

namespace restante::bench {
namespace {

using asio::awaitable;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string pop3 = "127.0.0.1:110";
  std::string lmtp = "127.0.0.1:24";
  std::string users_file;
  size_t connections = 32;
  double seconds = 10;
  double warm_up_seconds = 1;
  size_t messages_per_user = 0;
  size_t octets = 4096;
  bool pipelined = false;
};

// What the connections of one run share.
struct Run {
  explicit Run(Options the_options) : options(the_options), messages(options.octets) {}

  Options options;
  Messages messages;
  tcp::endpoint pop3;
  tcp::endpoint lmtp;
  std::vector<User> users;
  asio::io_context context{1};
  Clock::time_point measured_from;
  Clock::time_point until;
  uint64_t operations = 0;          // sessions or messages, within the measured time
  std::vector<float> milliseconds;  // of each session or transaction

  bool Over() const { return Clock::now() >= until; }

  void Count(uint64_t operations_done, Clock::time_point begin) {
    const Clock::time_point now = Clock::now();
    if (now < measured_from || now >= until) return;
    operations += operations_done;
    milliseconds.push_back(std::chrono::duration<float, std::milli>(now - begin).count());
  }
};

// The users that connection number `first` works for; no two connections share one.
class OwnUsers {
 public:
  OwnUsers(Run* run, size_t first) : run_(run), first_(first), next_(first) {}
  bool empty() const { return first_ >= run_->users.size(); }
  User* Next() {
    User* user = &run_->users[next_];
    next_ += run_->options.connections;
    if (next_ >= run_->users.size()) next_ = first_;
    return user;
  }

 private:
  Run* run_;
  size_t first_;
  size_t next_;
};

awaitable<void> PollForever(Run* run, size_t number) {
  OwnUsers users(run, number);
  Connection connection(run->context);
  while (!users.empty() && !run->Over()) {
    const Clock::time_point begin = Clock::now();
    co_await Poll(&connection, run->pop3, users.Next());
    run->Count(1, begin);
  }
}

awaitable<void> FetchForever(Run* run, size_t number) {
  OwnUsers users(run, number);
  Connection connection(run->context);
  const FetchOptions options{.pipelined = run->options.pipelined};
  while (!users.empty() && !run->Over()) {
    const Clock::time_point begin = Clock::now();
    uint64_t fetched = 0;
    const auto each = [run, &fetched](const MessageId&) {
      ++fetched;
      // A session is longer than a delivery: its messages count as they come.
      if (const Clock::time_point now = Clock::now();
          now >= run->measured_from && now < run->until) {
        ++run->operations;
      }
    };
    User* const user = users.Next();
    co_await Fetch(&connection, run->pop3, user, options, &run->messages, each);
    if (fetched != user->messages) InvalidRun(user->name + ": a message is missing");
    run->Count(0, begin);
  }
}

awaitable<void> DeliverForever(Run* run, size_t number) {
  OwnUsers users(run, number);
  Connection connection(run->context);
  if (users.empty()) co_return;
  co_await Greet(&connection, run->lmtp);
  while (!run->Over()) {
    const Clock::time_point begin = Clock::now();
    co_await Deliver(&connection, users.Next(), &run->messages);
    run->Count(1, begin);
  }
}

awaitable<void> FillMailboxes(Run* run, size_t number) {
  Connection connection(run->context);
  if (number >= run->users.size()) co_return;
  co_await Greet(&connection, run->lmtp);
  for (size_t i = number; i < run->users.size(); i += run->options.connections) {
    while (run->users[i].acknowledged < run->options.messages_per_user) {
      co_await Deliver(&connection, &run->users[i], &run->messages);
      ++run->operations;
    }
  }
}

// Every message that was acknowledged is there once, with every octet.
awaitable<void> CheckMailboxes(Run* run, size_t number) {
  Connection connection(run->context);
  for (size_t i = number; i < run->users.size(); i += run->options.connections) {
    User* const user = &run->users[i];
    std::set<uint64_t> seen;
    const auto each = [&seen, user](const MessageId& id) {
      if (!seen.insert(id.number).second) {
        InvalidRun(user->name + ": message " + std::to_string(id.number) + " is there twice");
      }
    };
    const FetchOptions options{.pipelined = true};
    co_await Fetch(&connection, run->pop3, user, options, &run->messages, each);
    for (uint64_t n = user->next_number - user->acknowledged; n < user->next_number; ++n) {
      if (!seen.contains(n)) {
        InvalidRun(user->name + ": acknowledged message " + std::to_string(n) + " is missing");
      }
    }
  }
}

tcp::endpoint ParseEndpoint(const std::string& text) {
  const size_t colon = text.rfind(':');
  asio::error_code error;
  const auto address = asio::ip::make_address(text.substr(0, colon), error);
  if (error || colon == std::string::npos) InvalidRun("not a HOST:PORT: " + text);
  return tcp::endpoint(address, static_cast<uint16_t>(std::stoi(text.substr(colon + 1))));
}

// Lines of NAME<TAB>PASSWORD.
std::vector<User> ReadUsers(const std::string& path) {
  std::ifstream file(path);
  std::vector<User> users;
  for (std::string line; std::getline(file, line);) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) InvalidRun(path + ": not a NAME<TAB>PASSWORD: " + line);
    User user;
    user.name = line.substr(0, tab);
    user.password = line.substr(tab + 1);
    users.push_back(std::move(user));
  }
  if (users.empty()) InvalidRun(path + ": no users");
  return users;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void Spawn(Run* run, awaitable<void> (*work)(Run*, size_t)) {
  for (size_t i = 0; i < run->options.connections; ++i) {
    asio::co_spawn(run->context, work(run, i), asio::detached);
  }
  run->context.restart();
  run->context.run();
}

double Percentile(std::vector<float>* sorted, double share) {
  if (sorted->empty()) return 0;
  return (*sorted)[static_cast<size_t>(share * static_cast<double>(sorted->size() - 1))];
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Puts load on a POP3 and LMTP server and checks all that it answers.");
  app.require_subcommand(1);
  app.add_option("--pop3", options.pop3, "HOST:PORT")->capture_default_str();
  app.add_option("--lmtp", options.lmtp, "HOST:PORT")->capture_default_str();
  app.add_option("--users", options.users_file, "Lines of NAME<TAB>PASSWORD")->required();
  app.add_option("--connections", options.connections)->capture_default_str();
  app.add_option("--seconds", options.seconds, "Measured time")->capture_default_str();
  app.add_option("--warm-up", options.warm_up_seconds, "Seconds before")->capture_default_str();
  app.add_option("--messages", options.messages_per_user,
                 "How many each mailbox has, or is to have");
  app.add_option("--octets", options.octets, "Of a message")->capture_default_str();
  app.add_flag("--pipelined", options.pipelined, "All RETRs of a session at once");
  CLI::App* const poll = app.add_subcommand("poll", "Log in, STAT, UIDL, QUIT");
  CLI::App* const fetch = app.add_subcommand("fetch", "Log in, LIST, RETR all, QUIT");
  CLI::App* const deliver = app.add_subcommand("deliver", "LMTP, then checks the mailboxes");
  CLI::App* const fill = app.add_subcommand("fill", "LMTP, --messages to each user");
  for (CLI::App* const work : {poll, fetch, deliver, fill}) work->fallthrough();
  CLI11_PARSE(app, argc, argv);

  Run run(options);
  run.pop3 = ParseEndpoint(options.pop3);
  run.lmtp = ParseEndpoint(options.lmtp);
  run.users = ReadUsers(options.users_file);
  const auto first_number =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                std::chrono::system_clock::now().time_since_epoch())
                                .count());
  for (User& user : run.users) {
    user.messages = options.messages_per_user;
    // Numbers of a later run never meet those of an earlier one.
    user.next_number = first_number;
  }
  const auto seconds = [](double s) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
  };
  const double cpu_before = CpuSeconds();
  const Clock::time_point begin = Clock::now();
  run.measured_from = begin + seconds(options.warm_up_seconds);
  run.until = run.measured_from + seconds(options.seconds);
  double measured_seconds = options.seconds;
  if (poll->parsed()) Spawn(&run, PollForever);
  if (fetch->parsed()) Spawn(&run, FetchForever);
  if (deliver->parsed()) Spawn(&run, DeliverForever);
  if (fill->parsed()) Spawn(&run, FillMailboxes);
  const double wall = std::chrono::duration<double>(Clock::now() - begin).count();
  const double cpu = CpuSeconds() - cpu_before;
  if (fill->parsed()) measured_seconds = wall;
  if (deliver->parsed() || fill->parsed()) Spawn(&run, CheckMailboxes);
  if (run.operations == 0) InvalidRun("nothing was done in the measured time");

  std::sort(run.milliseconds.begin(), run.milliseconds.end());
  nlohmann::json result;
  result["operations"] = run.operations;
  result["seconds"] = measured_seconds;
  result["per_second"] = static_cast<double>(run.operations) / measured_seconds;
  result["p50_ms"] = Percentile(&run.milliseconds, 0.5);
  result["p99_ms"] = Percentile(&run.milliseconds, 0.99);
  result["load_cpu_share"] = cpu / wall;
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace restante::bench

int main(int argc, char** argv) { return restante::bench::Main(argc, argv); }
