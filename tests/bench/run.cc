#include "tests/bench/run.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/ip/address.hpp"
#include "asio/steady_timer.hpp"
#include "tests/bench/users.h"

namespace restante::bench {
namespace {

using asio::ip::tcp;

tcp::endpoint ParseEndpoint(const std::string& text) {
  const size_t colon = text.rfind(':');
  asio::error_code error;
  const auto address = asio::ip::make_address(text.substr(0, colon), error);
  if (error || colon == std::string::npos) InvalidRun("not a HOST:PORT: " + text);
  return tcp::endpoint(address, static_cast<uint16_t>(std::stoi(text.substr(colon + 1))));
}

std::vector<User> Users(const std::string& path, uint64_t messages) {
  std::vector<User> users;
  for (Credentials& credentials : ReadUsers(path)) {
    User& user = users.emplace_back();
    user.name = std::move(credentials.name);
    user.password = std::move(credentials.password);
    user.messages = messages;
  }
  return users;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double Percentile(const std::vector<float>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

Run::Run(Options options)
    : options_(std::move(options)),
      messages_(options_.octets),
      pop3_(ParseEndpoint(options_.pop3)),
      lmtp_(ParseEndpoint(options_.lmtp)),
      users_(Users(options_.users_file, options_.messages_per_user)),
      next_number_(std::chrono::duration_cast<std::chrono::nanoseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count()) {
  if (options_.octets < 512) InvalidRun("--octets: at least 512");
  if (options_.recipients == 0 || options_.connections == 0) {
    InvalidRun("--recipients and --connections: at least 1");
  }
}

Connection::Tls Run::tls() const {
  if (!options_.tls) return Connection::Tls::kNone;
  return options_.resume ? Connection::Tls::kResumed : Connection::Tls::kFull;
}

size_t Run::groups() const {
  return (users_.size() + options_.recipients - 1) / options_.recipients;
}

std::span<User> Run::Recipients(size_t index) {
  const size_t first = index % groups() * options_.recipients;
  return std::span(users_).subspan(first, std::min(options_.recipients, users_.size() - first));
}

void Run::Spawn(Work work) {
  for (size_t i = 0; i < options_.connections; ++i) {
    asio::co_spawn(context_, work(this, i), asio::detached);
  }
  context_.restart();
  context_.run();
}

void Run::Measure(Work work) {
  const auto seconds = [](double s) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
  };
  if (options_.operations > 0 || options_.recipients > 1) {
    nothing_begins_from_ = Clock::now() + seconds(options_.seconds);
    MeasureToTheEnd(work);
    return;
  }
  const Clock::time_point begin = Clock::now();
  const double cpu_before = CpuSeconds();
  measured_from_ = begin + seconds(options_.warm_up_seconds);
  until_ = nothing_begins_from_ = measured_from_ + seconds(options_.seconds);
  asio::steady_timer from(context_, measured_from_);
  from.async_wait([this](asio::error_code) { Mark("begin", false); });
  asio::steady_timer until(context_, until_);
  until.async_wait([this](asio::error_code) { Mark("end", false); });
  Spawn(work);
  wall_seconds_ += SecondsSince(begin);
  cpu_seconds_ += CpuSeconds() - cpu_before;
  measured_seconds_ += options_.seconds;
  Mark("over", true);
}

void Run::MeasureToTheEnd(Work work) {
  Mark("begin", true);
  const double cpu_before = CpuSeconds();
  measured_from_ = Clock::now();
  until_ = Clock::time_point::max();
  Spawn(work);
  const double seconds = SecondsSince(measured_from_);
  wall_seconds_ += seconds;
  measured_seconds_ += seconds;
  cpu_seconds_ += CpuSeconds() - cpu_before;
  Mark("end", true);
}

bool Run::Over() {
  if (options_.operations > 0) return ++begun_ > options_.operations;
  return Clock::now() >= nothing_begins_from_;
}

void Run::Count(uint64_t operations, Clock::time_point begin) {
  const Clock::time_point now = Clock::now();
  if (!IsMeasured(now)) return;
  operations_ += operations;
  milliseconds_.push_back(std::chrono::duration<float, std::milli>(now - begin).count());
}

void Run::Count(uint64_t operations) {
  if (IsMeasured(Clock::now())) operations_ += operations;
}

void Run::CountHandshake(bool resumed) {
  ++handshakes_;
  if (resumed) ++resumed_;
}

void Run::Mark(const char* what, bool wait) {
  if (!options_.marks) return;
  std::printf("%s%s\n", what, wait ? " wait" : "");
  std::fflush(stdout);
  if (!wait) return;
  // Nothing else is to be done meanwhile.
  for (int c = std::getchar(); c != '\n'; c = std::getchar()) {
    if (c == EOF) InvalidRun("whoever measures has gone");
  }
}

nlohmann::ordered_json Run::Result() {
  if (operations_ == 0) InvalidRun("nothing was done in the measured time");
  std::sort(milliseconds_.begin(), milliseconds_.end());
  nlohmann::ordered_json result;
  result["operations"] = operations_;
  result["seconds"] = measured_seconds_;
  result["per_second"] = static_cast<double>(operations_) / measured_seconds_;
  result["p50_ms"] = Percentile(milliseconds_, 0.5);
  result["p99_ms"] = Percentile(milliseconds_, 0.99);
  result["load_cpu_share"] = cpu_seconds_ / wall_seconds_;
  if (handshakes_ > 0) {
    result["resumed_share"] = static_cast<double>(resumed_) / static_cast<double>(handshakes_);
  }
  return result;
}

}  // namespace restante::bench
