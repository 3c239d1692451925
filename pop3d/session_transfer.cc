// RETR and TOP: RFC 1939, sections 5 and 7.
#include <utility>
#include <vector>

#include "pop3d/faults.h"
#include "pop3d/replies.h"
#include "pop3d/session.h"

namespace restante::pop3 {
namespace {

// How much is fetched for a client that takes message after message without
// having asked for the next one yet.
constexpr uint64_t kAheadOctets = 256 * 1024;

struct Wanted {
  uint32_t number = 0;
  bool top = false;
  uint64_t lines = 0;
};

std::optional<Wanted> ParseWanted(const Command& command) {
  if (command.verb == Verb::kRetr) {
    const std::optional<uint32_t> number = ParseMessageNumber(command.argument);
    if (!number.has_value()) return std::nullopt;
    return Wanted{*number, false, 0};
  }
  const std::optional<TopArguments> arguments = ParseTopArguments(command.argument);
  if (!arguments.has_value()) return std::nullopt;
  const uint64_t less = On(Fault::kTopTakesOneLineLess) && arguments->lines > 0;
  return Wanted{arguments->number, !On(Fault::kTopSendsWhole), arguments->lines - less};
}

}  // namespace

asio::awaitable<void> Session::Retrieve(Command command) {
  const std::optional<Wanted> wanted = ParseWanted(command);
  if (!wanted.has_value()) {
    Refuse(command.verb == Verb::kRetr ? Text::kRetrTakesNumber : Text::kTopTakesNumbers);
    co_return;
  }
  const std::optional<MessageList::Row> row = co_await Find(wanted->number);
  if (!row.has_value()) co_return;

  Maildrop& maildrop = *maildrop_;
  const Transfer::Part part{row->uid, wanted->top, wanted->lines};
  if (!maildrop.transfer.Expects(part)) {
    bool all_wanted = false;
    std::vector<Transfer::Part> parts = PlanAhead(part, wanted->number, &all_wanted);
    maildrop.transfer.Plan(std::move(parts), all_wanted);
  }
  if (!wanted->top) maildrop.last_retrieved = wanted->number;
  const Transfer::Message message{part, row->octets, row->has_dot_line,
                                  TextIn(language_, Text::kOctets)};
  const Transfer::Result result = co_await maildrop.transfer.Send(message);
  if (On(Fault::kRetrMarks)) maildrop.marks.Add(row->number, row->uid, row->octets);
  switch (result.kind) {
    case Transfer::Result::Kind::kSent:
      (wanted->top ? counters_.top_messages : counters_.retr_messages) += 1;
      (wanted->top ? counters_.top_octets : counters_.retr_octets) += result.octets;
      if (!wanted->top) {
        maildrop.NoteRetrieved(wanted->number, part.uid);
      }
      break;
    case Transfer::Result::Kind::kRefused:
      RefuseForStorage(result.status, "Message not read");
      break;
    case Transfer::Result::Kind::kCut:
      if (!connection_.closed()) LogSessionError(identity_, "Message cut off", result.status);
      out().clear();
      Close(connection_.timed_out() ? "Disconnected for inactivity in RETR"
                                    : "Connection closed in RETR");
      break;
  }
}

std::vector<Transfer::Part> Session::PlanAhead(const Transfer::Part& first, uint32_t number,
                                               bool* wanted) {
  const Maildrop& maildrop = *maildrop_;
  std::vector<Transfer::Part> parts = {first};
  const auto row_of = [&](uint32_t next) -> std::optional<MessageList::Row> {
    if (maildrop.marks.Contains(next)) return std::nullopt;
    return maildrop.list.Cached(next);
  };

  // What the client has pipelined.
  size_t cursor = 0;
  while (parts.size() < Transfer::kMaxParts) {
    const std::optional<absl::string_view> line = connection_.input().Peek(&cursor);
    if (!line.has_value()) break;
    const Command command = ParseCommand(*line);
    if (command.verb == Verb::kDele || command.verb == Verb::kNoop) continue;
    if (command.verb != Verb::kRetr && command.verb != Verb::kTop) break;
    const std::optional<Wanted> next = ParseWanted(command);
    if (!next.has_value()) break;
    const std::optional<MessageList::Row> row = row_of(next->number);
    if (!row.has_value()) break;
    parts.push_back({row->uid, next->top, next->lines});
  }
  *wanted = parts.size() > 1;
  if (*wanted || first.top || number != maildrop.last_retrieved + 1 || number == 1)
    return parts;

  // What it will ask for if it goes on as before.
  uint64_t octets = 0;
  for (uint32_t next = number; parts.size() < Transfer::kMaxParts; ++next) {
    const std::optional<MessageList::Row> row = row_of(next);
    if (!row.has_value()) break;
    octets += row->octets;
    if (octets > kAheadOctets) break;
    if (next != number) parts.push_back({row->uid, false, 0});
  }
  return parts;
}

}  // namespace restante::pop3
