// The TRANSACTION state, but for RETR and TOP: RFC 1939, sections 5 and 7.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "pop3d/faults.h"
#include "pop3d/replies.h"
#include "pop3d/session.h"

namespace restante::pop3 {

asio::awaitable<void> Session::TransactionCommand() {
  const std::optional<Command> command = co_await NextCommand(LineLimit::kCommand);
  if (!command.has_value()) co_return;
  if (!maildrop_->held->status().ok()) {
    // Its deletions can't be committed any more, so QUIT is refused like all else.
    Fail(maildrop_->held->status());
    Close("Disconnected: Lost the maildrop", /*gently=*/true);
    co_return;
  }
  const absl::string_view argument = command->argument;
  switch (command->verb) {
    case Verb::kRetr:
    case Verb::kTop:
      co_await Retrieve(*command);
      co_return;
    case Verb::kDele:
      co_await Dele(std::string(argument));
      co_return;
    case Verb::kList:
    case Verb::kUidl:
      co_await List(std::string(argument), command->verb);
      co_return;
    case Verb::kStat:
    case Verb::kNoop:
    case Verb::kRset:
    case Verb::kCapa:
    case Verb::kQuit:
      if (!argument.empty()) {
        Refuse(Text::kNoArgument);
        co_return;
      }
      break;
    case Verb::kUser:
    case Verb::kPass:
    case Verb::kAuth:
    case Verb::kStls:
    case Verb::kApop:
    case Verb::kUtf8:
      Refuse(Text::kAlreadyLoggedIn);
      co_return;
    case Verb::kLang:
      Lang(argument);
      co_return;
    case Verb::kUnknown:
      Refuse(Text::kUnknownCommand);
      co_return;
  }
  if (command->verb == Verb::kStat) Stat();
  if (command->verb == Verb::kNoop) AppendOk("", &out());
  if (command->verb == Verb::kRset) Rset();
  if (command->verb == Verb::kCapa) Capa();
  if (command->verb == Verb::kQuit) state_ = State::kUpdate;
}

void Session::Stat() {
  const Maildrop& maildrop = *maildrop_;
  const uint64_t marked = On(Fault::kStatCountsMarked) ? 0 : maildrop.marks.count();
  AppendOk(absl::StrCat(maildrop.list.count() - marked, " ",
                        maildrop.list.octets() - maildrop.marks.octets() +
                            On(Fault::kStatOctetsOffByOne)),
           &out());
}

asio::awaitable<void> Session::List(std::string argument, Verb verb) {
  if (argument.empty()) {
    co_await ListAll(verb);
    co_return;
  }
  const std::optional<MessageList::Row> row = co_await Find(ParseMessageNumber(argument));
  if (!row.has_value()) co_return;
  AppendOk(verb == Verb::kList ? absl::StrCat(row->number, " ", row->octets)
                               : absl::StrCat(row->number, " ", row->uidl),
           &out());
}

asio::awaitable<void> Session::ListAll(Verb verb) {
  Maildrop& maildrop = *maildrop_;
  const uint64_t count = maildrop.list.count() - maildrop.marks.count();
  bool begun = false;
  for (uint32_t number = 1; number <= maildrop.list.count(); ++number) {
    if (maildrop.marks.Contains(number) && !On(Fault::kListShowsMarked)) continue;
    std::optional<MessageList::Row> row = maildrop.list.Cached(number);
    if (!row.has_value()) {
      const absl::StatusOr<MessageList::Row> fetched = co_await maildrop.list.Get(number);
      if (!fetched.ok()) {
        if (!begun) {
          RefuseForStorage(fetched.status(), "Listing failed");
        } else {
          // A response that has begun has no way to say that it failed.
          LogSessionError(identity_, "Listing failed", fetched.status());
          out().clear();
          Close("Disconnected: Storage failed inside a listing");
        }
        co_return;
      }
      row = *fetched;
    }
    if (!begun) AppendOk(absl::StrCat(count, " ", TextIn(language_, Text::kMessages)), &out());
    begun = true;
    if (verb == Verb::kList) {
      absl::StrAppend(&out(), number, " ", row->octets + On(Fault::kListOctetsOffByOne),
                      "\r\n");
    } else {
      absl::StrAppend(&out(), number, " ", On(Fault::kUidlChanges) ? identity_.id : row->uidl,
                      "\r\n");
    }
    if (out().size() >= connection_.full_output()) {
      const bool flushed = co_await connection_.Flush();
      if (!flushed) co_return;
    }
  }
  if (!begun) AppendOk(absl::StrCat(count, " ", TextIn(language_, Text::kMessages)), &out());
  AppendEnd(&out());
}

asio::awaitable<void> Session::Dele(std::string argument) {
  const std::optional<MessageList::Row> row = co_await Find(ParseMessageNumber(argument));
  if (!row.has_value()) co_return;
  if (maildrop_->marks.Add(row->number, row->uid, row->octets)) {
    Ok(Text::kMarked);
  } else {
    Fail(kSysTempCode, Text::kTooManyMarks);
  }
}

void Session::Rset() {
  if (!On(Fault::kRsetKeepsMarks)) maildrop_->marks.Clear();
  AppendOk("", &out());
}

asio::awaitable<std::optional<MessageList::Row>> Session::Find(std::optional<uint32_t> number) {
  Maildrop& maildrop = *maildrop_;
  if (!number.has_value() || *number > maildrop.list.count()) {
    Refuse(Text::kNoSuchMessage);
    co_return std::nullopt;
  }
  if (maildrop.marks.Contains(*number) && !On(Fault::kMarkedCanBeRetrieved)) {
    Refuse(Text::kMessageMarked);
    co_return std::nullopt;
  }
  std::optional<MessageList::Row> row = maildrop.list.Cached(*number);
  if (row.has_value()) co_return row;
  const absl::StatusOr<MessageList::Row> fetched = co_await maildrop.list.Get(*number);
  if (!fetched.ok()) {
    RefuseForStorage(fetched.status(), "Row not found");
    co_return std::nullopt;
  }
  co_return *fetched;
}

void Session::RefuseForStorage(const absl::Status& status, absl::string_view what) {
  LogSessionError(identity_, what, status);
  Fail(status);
  // Another session has the maildrop now: this one is of no more use to its client.
  if (ReasonOf(status) == v1::ERROR_REASON_LEASE_LOST) {
    Close("Disconnected: Lost the maildrop", /*gently=*/true);
  }
}

}  // namespace restante::pop3
