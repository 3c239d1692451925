#include "tests/bench/works.h"

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "tests/bench/mailboxes.h"

namespace restante::bench {
namespace {

using asio::awaitable;

// The users that connection number `first` works for; no two connections share one.
class OwnUsers {
 public:
  OwnUsers(Run* run, size_t first) : run_(run), first_(first), next_(first) {}
  bool empty() const { return first_ >= run_->users().size(); }
  User* Next() {
    User* user = &run_->users()[next_];
    next_ += run_->options().connections;
    if (next_ >= run_->users().size()) next_ = first_;
    return user;
  }

 private:
  Run* run_;
  size_t first_;
  size_t next_;
};

}  // namespace

awaitable<void> PollForever(Run* run, size_t number) {
  OwnUsers users(run, number);
  Connection connection(run->context(), run->tls());
  while (!users.empty() && !run->Over()) {
    const Clock::time_point begin = Clock::now();
    co_await Poll(&connection, run->pop3(), users.Next());
    run->Count(1, begin);
  }
}

awaitable<void> StatForever(Run* run, size_t number) {
  OwnUsers users(run, number);
  Connection connection(run->context(), run->tls());
  while (!users.empty() && !run->Over()) {
    const Clock::time_point begin = Clock::now();
    User* const user = users.Next();
    co_await LogIn(&connection, run->pop3(), user);
    co_await CheckStat(&connection, user);
    co_await Quit(&connection);
    run->Count(1, begin);
  }
}

awaitable<void> FetchForever(Run* run, size_t number) {
  OwnUsers users(run, number);
  Connection connection(run->context(), run->tls());
  const FetchOptions options{.pipelined = run->options().pipelined};
  while (!users.empty() && !run->Over()) {
    const Clock::time_point begin = Clock::now();
    uint64_t fetched = 0;
    const auto each = [run, &fetched](const MessageId&) {
      ++fetched;
      run->Count(1);
    };
    User* const user = users.Next();
    co_await Fetch(&connection, run->pop3(), user, options, &run->messages(), each);
    if (fetched != user->messages) InvalidRun(user->name + ": a message is missing");
    run->Count(0, begin);
  }
}

awaitable<void> HandshakeForever(Run* run, size_t number) {
  OwnUsers users(run, number);
  Connection connection(run->context(), run->tls());
  bool first = true;
  while (!users.empty() && !run->Over()) {
    const Clock::time_point begin = Clock::now();
    co_await connection.Connect(run->pop3());
    const bool resumed = connection.resumed();
    co_await TakeGreeting(&connection);
    co_await Quit(&connection);
    run->Count(1, begin);
    // The first has nothing to go on with.
    if (!first) run->CountHandshake(resumed);
    first = false;
  }
}

awaitable<void> DrainAll(Run* run, size_t number) {
  Connection connection(run->context(), run->tls());
  for (size_t i = number; i < run->users().size(); i += run->options().connections) {
    const Clock::time_point begin = Clock::now();
    User* const user = &run->users()[i];
    const uint64_t messages = user->acknowledged.size();
    const FetchOptions options{.pipelined = run->options().pipelined, .erase = true};
    co_await CheckMailbox(run, &connection, user, options);
    run->Count(messages, begin);
  }
}

awaitable<void> OpenSessions(Run* run, size_t number) {
  for (size_t i = number; i < run->users().size(); i += run->options().connections) {
    const Clock::time_point begin = Clock::now();
    auto connection = std::make_unique<Connection>(run->context(), run->tls());
    User* const user = &run->users()[i];
    co_await LogIn(connection.get(), run->pop3(), user);
    co_await CheckStat(connection.get(), user);
    run->held().push_back(std::move(connection));
    run->Count(1, begin);
  }
}

awaitable<void> EndSessions(Run* run, size_t number) {
  for (size_t i = number; i < run->held().size(); i += run->options().connections) {
    co_await CheckAlive(run->held()[i].get());
    co_await Quit(run->held()[i].get());
  }
}

awaitable<void> DeliverForever(Run* run, size_t number) {
  Connection connection(run->context());
  co_await GreetLmtp(&connection, run->lmtp());
  const auto each = [run] { run->Count(1); };
  for (size_t index = number; !run->Over(); index += run->options().connections) {
    const Clock::time_point begin = Clock::now();
    const std::span<User> recipients = run->Recipients(index);
    co_await Deliver(&connection, recipients, run->NextNumber(), &run->messages(), each);
    run->Count(0, begin);
  }
}

}  // namespace restante::bench
