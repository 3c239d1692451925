#include "storage-service/ctl/transfer/progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage-service/ctl/format.h"

namespace restante::ctl {
namespace {

constexpr absl::Duration kRedrawn = absl::Milliseconds(200);
constexpr absl::Duration kEvents = absl::Seconds(1);
constexpr absl::Duration kLines = absl::Seconds(10);
constexpr absl::Duration kRateOf = absl::Seconds(30);

absl::Duration IntervalFor(const Session& session) {
  if (session.json()) return kEvents;
  return session.err_is_terminal() ? kRedrawn : kLines;
}

std::string FormatRate(double octets_per_second) {
  return octets_per_second < 1024 * 1024
             ? absl::StrFormat("%.0f KiB/s", octets_per_second / 1024)
             : absl::StrFormat("%.1f MiB/s", octets_per_second / 1024 / 1024);
}

}  // namespace

std::string FormatProgress(const ProgressFigures& figures) {
  std::string line = absl::StrCat(figures.messages);
  if (figures.of > 0) {
    const double share =
        static_cast<double>(figures.messages) / static_cast<double>(figures.of);
    absl::StrAppend(&line, " of ", figures.of, " messages (",
                    absl::StrFormat("%.0f", std::min(share, 1.0) * 100), " %)");
  } else {
    absl::StrAppend(&line, " messages");
  }
  absl::StrAppend(&line, ", ", absl::StrFormat("%.0f", figures.messages_per_second), "/s, ",
                  FormatRate(figures.octets_per_second));
  if (figures.left < absl::Hours(24 * 365)) {
    absl::StrAppend(&line, ", ",
                    absl::FormatDuration(absl::Trunc(figures.left, absl::Seconds(1))), " left");
  }
  return line;
}

Progress::Progress(const Session& session, std::string verb, uint64_t messages, Clock clock)
    : session_(session),
      verb_(std::move(verb)),
      of_(messages),
      clock_(std::move(clock)),
      interval_(IntervalFor(session)) {
  absl::MutexLock lock(&mutex_);
  now_.at = clock_();
  samples_.push_back(now_);
}

ProgressFigures Progress::Figures() const {
  ProgressFigures figures{now_.messages, of_, now_.octets, 0, 0, absl::InfiniteDuration()};
  const Sample& since = samples_.front();
  const double seconds = absl::ToDoubleSeconds(now_.at - since.at);
  if (seconds > 0) {
    figures.messages_per_second = static_cast<double>(now_.messages - since.messages) / seconds;
    figures.octets_per_second = static_cast<double>(now_.octets - since.octets) / seconds;
  }
  if (figures.messages_per_second > 0 && of_ > 0) {
    const uint64_t left = of_ - std::min(of_, now_.messages);
    figures.left = absl::Seconds(static_cast<double>(left) / figures.messages_per_second);
  }
  return figures;
}

void Progress::Advance(uint64_t messages, uint64_t new_octets) {
  absl::MutexLock lock(&mutex_);
  now_.messages += messages;
  now_.octets += new_octets;
  now_.at = clock_();
  if (now_.at - samples_.back().at < interval_) return;
  Draw();
  samples_.push_back(now_);
  while (samples_.size() > 2 && now_.at - samples_.front().at > kRateOf) samples_.pop_front();
}

void Progress::Draw() {
  told_ = true;
  const ProgressFigures figures = Figures();
  if (session_.json()) {
    Json event = {{"event", "progress"},
                  {"messages", figures.messages},
                  {"of", figures.of},
                  {"octets", figures.octets},
                  {"messages_per_second", figures.messages_per_second},
                  {"octets_per_second", figures.octets_per_second},
                  {"seconds_left", nullptr}};
    if (figures.left < absl::InfiniteDuration()) {
      event["seconds_left"] = absl::ToDoubleSeconds(figures.left);
    }
    session_.err() << event.dump() << std::endl;
    return;
  }
  const std::string line = absl::StrCat(verb_, ": ", FormatProgress(figures));
  if (!session_.err_is_terminal()) {
    session_.err() << line << std::endl;
    return;
  }
  session_.err() << '\r' << line;
  if (drawn_ > line.size()) session_.err() << std::string(drawn_ - line.size(), ' ');
  session_.err() << std::flush;
  drawn_ = std::max(drawn_, line.size());
}

void Progress::Erase() {
  if (drawn_ == 0) return;
  session_.err() << '\r' << std::string(drawn_, ' ') << '\r';
  drawn_ = 0;
}

void Progress::Say(absl::string_view line) {
  absl::MutexLock lock(&mutex_);
  Erase();
  session_.Complain(line);
}

void Progress::Tell(const Json& event) {
  absl::MutexLock lock(&mutex_);
  session_.err() << event.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
}

void Progress::Finish() {
  absl::MutexLock lock(&mutex_);
  if (!told_) return;
  now_.at = clock_();
  Draw();
  if (drawn_ > 0) session_.err() << std::endl;
  drawn_ = 0;
}

}  // namespace restante::ctl
