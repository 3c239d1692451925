#include "tests/bench/mailboxes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace restante::bench {
namespace {

using asio::awaitable;

void Give(const std::string& path, const struct stat& owner) {
  if (geteuid() != 0) return;
  if (chown(path.c_str(), owner.st_uid, owner.st_gid) != 0) {
    InvalidRun(path + ": " + std::strerror(errno));
  }
}

void WriteFile(const std::string& path, const std::string& octets) {
  std::ofstream file(path, std::ios::binary);
  file << octets;
  file.close();
  if (!file) InvalidRun(path + ": " + std::strerror(errno));
}

awaitable<void> CheckSome(Run* run, size_t number, FetchOptions options) {
  Connection connection(run->context(), run->tls());
  for (size_t i = number; i < run->users().size(); i += run->options().connections) {
    co_await CheckMailbox(run, &connection, &run->users()[i], options);
  }
}

}  // namespace

awaitable<void> FillMailboxes(Run* run, size_t number) {
  Connection connection(run->context());
  co_await GreetLmtp(&connection, run->lmtp());
  const auto each = [run] { run->Count(1); };
  const size_t transactions = run->groups() * run->options().messages_per_user;
  for (size_t i = number; i < transactions; i += run->options().connections) {
    const Clock::time_point begin = Clock::now();
    const std::span<User> recipients = run->Recipients(i);
    co_await Deliver(&connection, recipients, run->NextNumber(), &run->messages(), each);
    run->Count(0, begin);
  }
}

awaitable<void> FillMaildirs(Run* run, size_t number) {
  if (number > 0) co_return;
  struct stat owner {};
  if (stat(run->options().maildirs.c_str(), &owner) != 0) {
    InvalidRun(run->options().maildirs + ": " + std::strerror(errno));
  }
  for (User& user : run->users()) {
    const std::string maildir = run->options().maildirs + "/" + user.name;
    for (const char* const folder : {"", "/cur", "/new", "/tmp"}) {
      std::error_code error;
      std::filesystem::create_directories(maildir + folder, error);
      if (error) InvalidRun(maildir + folder + ": " + error.message());
      Give(maildir + folder, owner);
    }
    for (uint64_t i = 0; i < run->options().messages_per_user; ++i) {
      const uint64_t message = run->NextNumber();
      // The names' first part is the time; that they come in one order is enough.
      const std::string path = maildir + "/new/" + std::to_string(message / 1'000'000'000) +
                               ".M" + std::to_string(message) + "P1.bench";
      WriteFile(path, run->messages().InFile({user.name, message}));
      Give(path, owner);
      user.acknowledged.push_back(message);
      run->Count(1);
    }
  }
}

awaitable<void> CheckMailbox(Run* run, Connection* connection, User* user,
                             FetchOptions options) {
  std::set<uint64_t> expected(user->acknowledged.begin(), user->acknowledged.end());
  const auto each = [&expected, user](const MessageId& id) {
    if (expected.erase(id.number) == 0) {
      InvalidRun(user->name + ": message " + std::to_string(id.number) +
                 " is there twice, or was never acknowledged");
    }
  };
  co_await Fetch(connection, run->pop3(), user, options, &run->messages(), each);
  if (!expected.empty()) {
    InvalidRun(user->name + ": acknowledged message " + std::to_string(*expected.begin()) +
               " is missing, of " + std::to_string(expected.size()));
  }
  if (options.erase) user->acknowledged.clear();
}

awaitable<void> CheckMailboxes(Run* run, size_t number) {
  co_await CheckSome(run, number, {.pipelined = true});
}

awaitable<void> EmptyMailboxes(Run* run, size_t number) {
  co_await CheckSome(run, number, {.pipelined = true, .erase = true});
}

}  // namespace restante::bench
