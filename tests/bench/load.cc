// The load generator of ./dev bench: POP3 sessions and LMTP deliveries over many
// connections at once, on one thread, against any server. It checks all that it
// receives and ends with exit code 1 at the first thing that is wrong. The result is
// one JSON object on standard output; it tells this program's own share of a CPU, so
// that a run in which the generator was the bottleneck shows.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "tests/bench/mailboxes.h"
#include "tests/bench/run.h"
#include "tests/bench/works.h"

namespace restante::bench {
namespace {

// A fast server has drained a few mailboxes before much can be measured: it is repeated
// until it took as long as was asked for, and so often at most.
constexpr int kMostDrains = 20;

Run::Work Fill(const Run& run) {
  return run.options().maildirs.empty() ? FillMailboxes : FillMaildirs;
}

void Drain(Run* run) {
  for (int i = 0; i < kMostDrains && run->measured_seconds() < run->options().seconds; ++i) {
    run->Spawn(Fill(*run));
    run->MeasureToTheEnd(DrainAll);
  }
}

void FillAndCheck(Run* run) {
  run->MeasureToTheEnd(Fill(*run));
  if (!run->options().unread) run->Spawn(CheckMailboxes);
}

void Deliver(Run* run) {
  run->Measure(DeliverForever);
  if (!run->options().unread) run->Spawn(EmptyMailboxes);
}

void Idle(Run* run) {
  run->MeasureToTheEnd(OpenSessions);
  run->Spawn(EndSessions);
}

// Ten thousand connections need more descriptors than a program gets by itself.
void RaiseLimits() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Puts load on a POP3 and LMTP server and checks all that it answers.");
  app.require_subcommand(1);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--pop3", options.pop3, "HOST:PORT")->capture_default_str();
  app.add_option("--lmtp", options.lmtp, "HOST:PORT")->capture_default_str();
  app.add_option("--users", options.users_file, "Lines of NAME<TAB>PASSWORD")->required();
  app.add_option("--connections", options.connections)->capture_default_str();
  app.add_option("--seconds", options.seconds, "Measured time")->capture_default_str();
  app.add_option("--warm-up", options.warm_up_seconds, "Seconds before")->capture_default_str();
  app.add_option("--operations", options.operations,
                 "End after so many sessions or transactions instead");
  app.add_option("--messages", options.messages_per_user,
                 "How many each mailbox has, or is to have");
  app.add_option("--octets", options.octets, "Of a message")->capture_default_str();
  app.add_option("--recipients", options.recipients, "Of a transaction")->capture_default_str();
  app.add_option("--maildirs", options.maildirs,
                 "Fill the Maildirs of this directory instead of delivering");
  app.add_flag("--pipelined", options.pipelined, "All RETRs of a session at once");
  app.add_flag("--tls", options.tls, "--pop3 speaks TLS");
  app.add_flag("--resume", options.resume, "TLS sessions go on with the ticket of the last");
  app.add_flag("--unread", options.unread,
               "Don't read what was filled or delivered, and leave it");
  app.add_flag("--marks", options.marks,
               "Say \"begin\" and \"end\" of what is measured on standard output; behind "
               "\"wait\" go on when standard input has a line");

  void (*work)(Run*) = nullptr;
  const auto add = [&](const char* name, const char* what, void (*does)(Run*)) {
    CLI::App* const command = app.add_subcommand(name, what);
    command->fallthrough();
    command->callback([&work, does] { work = does; });
  };
  add("poll", "Log in, STAT, UIDL, QUIT", [](Run* run) { run->Measure(PollForever); });
  add("stat", "Log in, STAT, QUIT", [](Run* run) { run->Measure(StatForever); });
  add("fetch", "Log in, LIST, RETR all, QUIT", [](Run* run) { run->Measure(FetchForever); });
  add("drain", "Fill; then log in, LIST, RETR and DELE all, QUIT", Drain);
  add("handshake", "Connect, QUIT", [](Run* run) { run->Measure(HandshakeForever); });
  add("idle", "A session for each user, until standard input has a line", Idle);
  add("deliver", "LMTP, then checks and empties the mailboxes", Deliver);
  add("fill", "--messages to each user", FillAndCheck);
  CLI11_PARSE(app, argc, argv);

  RaiseLimits();
  Run run(options);
  work(&run);
  std::printf("%s\n", run.Result().dump().c_str());
  return 0;
}

}  // namespace
}  // namespace restante::bench

int main(int argc, char** argv) { return restante::bench::Main(argc, argv); }
