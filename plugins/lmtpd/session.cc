#include "plugins/lmtpd/session.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/id128.h"

namespace restante::lmtp {
namespace {

// Replies that gather beyond this are sent although more commands wait: a client that
// pipelines and doesn't read is waited for, not stored for.
constexpr size_t kMaxOutputOctets = 16 * 1024;

// 64 bits of chance, for logs.
std::string NewSessionId() { return Id128::Random().ToHex().substr(0, 16); }

Client ClientAt(const std::optional<asio::ip::tcp::endpoint>& endpoint) {
  Client client;
  client.is_unix = !endpoint.has_value();
  client.endpoint = endpoint;
  return client;
}

}  // namespace

Session::Session(Arrival arrival, const SessionSettings& settings, StorageAccess& storage)
    : connection_(std::move(arrival.socket), storage.deadlines),
      implicit_tls_(arrival.implicit_tls),
      peer_(ClientAt(arrival.remote)),
      settings_(settings),
      storage_(storage),
      id_(NewSessionId()),
      behind_proxy_(arrival.maybe_proxied && !peer_.is_unix &&
                    AnyContains(settings.proxy_networks, peer_.endpoint->address())) {}

asio::awaitable<void> Session::Run() {
  co_await Open();
  while (!closing_) {
    std::string_view line;
    switch (connection_.input().PeekLine(&line)) {
      case InputBuffer::Line::kReady: {
        const Command command = ParseCommand(line);
        co_await CarryOut(command);
        break;
      }
      case InputBuffer::Line::kTooLong:
        connection_.input().ConsumeLine();
        Refuse(reply::kLineTooLong);
        break;
      case InputBuffer::Line::kNone:
        co_await AwaitCommand();
        break;
    }
    if (connection_.output().size() > kMaxOutputOctets && !lost_) {
      const Connection::Outcome outcome = co_await connection_.Flush(settings_.command_timeout);
      lost_ = outcome != Connection::Outcome::kOk;
      closing_ |= lost_;
    }
  }
  EndTransaction(aborted_ ? "shutting down" : "connection ended");
  // What was cut off can't be gone on with.
  if (lost_) connection_.output().clear();
  if (!aborted_) co_await connection_.Flush(settings_.command_timeout);
  connection_.Close();
}

asio::awaitable<bool> Session::Refill(std::chrono::milliseconds within) {
  Connection::Outcome outcome = Connection::Outcome::kInterrupted;
  if (!aborted_) {
    outcome = co_await connection_.Flush(within);
    lost_ = outcome != Connection::Outcome::kOk;
  }
  if (outcome == Connection::Outcome::kOk && !aborted_) {
    outcome = co_await connection_.Fill(within);
  }
  switch (outcome) {
    case Connection::Outcome::kOk:
      co_return true;
    case Connection::Outcome::kInterrupted:
      CloseWith(reply::kClosing);
      break;
    case Connection::Outcome::kTimeout:
      CloseWith(reply::kTimeout);
      break;
    case Connection::Outcome::kClosed:
      lost_ = true;
      closing_ = true;
      break;
  }
  co_return false;
}

asio::awaitable<void> Session::AwaitCommand() {
  if (draining_ && transaction_ == nullptr) {
    CloseWith(reply::kClosing);
    co_return;
  }
  idle_ = true;
  co_await Refill(settings_.command_timeout);
  idle_ = false;
}

asio::awaitable<void> Session::CarryOut(Command command) {
  switch (command.verb) {
    case Verb::kRcpt:
      co_await Rcpt();
      break;
    case Verb::kData: {
      const bool bare = command.argument.empty();
      connection_.input().ConsumeLine();
      if (bare) {
        co_await Data();
      } else {
        Refuse(reply::kNoArgument);
      }
      break;
    }
    case Verb::kStartTls: {
      const bool bare = command.argument.empty();
      connection_.input().ConsumeLine();
      if (bare) {
        co_await StartTls();
      } else {
        Refuse(reply::kNoArgument);
      }
      break;
    }
    case Verb::kBdat: {
      BdatArguments bdat;
      const Reply* refused = ParseBdat(command.argument, &bdat);
      connection_.input().ConsumeLine();
      if (refused == nullptr) {
        co_await Bdat(bdat);
      } else {
        Refuse(*refused);
      }
      break;
    }
    default:
      Simple(command);
      connection_.input().ConsumeLine();
  }
}

void Session::Simple(const Command& command) {
  switch (command.verb) {
    case Verb::kLhlo:
      return Lhlo(command.argument);
    case Verb::kXclient:
      return Xclient(command.argument);
    case Verb::kMail:
      return Mail(command.argument);
    case Verb::kRset:
      if (!command.argument.empty()) return Refuse(reply::kNoArgument);
      EndTransaction("RSET");
      return Say(reply::kReset);
    case Verb::kNoop:
      return Say(reply::kNoop);
    case Verb::kQuit:
      if (!command.argument.empty()) return Refuse(reply::kNoArgument);
      return CloseWith(reply::kBye);
    case Verb::kVrfy:
      return command.argument.empty() ? Refuse(reply::kVerifyArgument) : Say(reply::kVerify);
    case Verb::kHelp:
      return Say(reply::kHelp);
    case Verb::kOtherHello:
      return Refuse(reply::kUseLhlo);
    case Verb::kNotImplemented:
      return Refuse(reply::kNotImplemented);
    case Verb::kBadCharacters:
      return Refuse(reply::kBadCharacters);
    default:
      return Refuse(reply::kUnknownCommand);
  }
}

void Session::Mail(std::string_view argument) {
  if (draining_ && transaction_ == nullptr) return CloseWith(reply::kClosing);
  if (!greeted_) return Refuse(reply::kLhloFirst);
  if (transaction_ != nullptr) return Refuse(reply::kNestedMail);
  if (const Reply* missing = MissingSecurity()) return Refuse(*missing);
  MailArguments mail;
  if (const Reply* refused = ParseMail(argument, &mail)) return Refuse(*refused);
  if (mail.declared_octets > settings_.max_message_octets) return Say(reply::kTooLarge);
  transaction_ =
      std::make_unique<Transaction>(std::move(mail), absl::StrCat(id_, "-", ++transactions_),
                                    client_.Address(), *settings_.recipient_slots);
  Say(reply::kSenderOk);
}

struct Session::RcptRun {
  struct One {
    std::string recipient;
    const Reply* refused = nullptr;
  };
  std::vector<One> all;
  v1::CheckRecipientsRequest question;
};

Session::RcptRun Session::TakeRcpts() {
  RcptRun run;
  std::string_view line;
  while (connection_.input().PeekLine(&line) == InputBuffer::Line::kReady) {
    const Command command = ParseCommand(line);
    if (command.verb != Verb::kRcpt) break;
    Path path;
    const Reply* refused = ParseRcpt(command.argument, transaction_->mail().smtputf8, &path);
    if (refused == nullptr) {
      const auto asked = static_cast<size_t>(run.question.recipients_size());
      if (transaction_->accepted() + asked >= settings_.max_recipients) {
        // How many are too many is known once those before have their answer.
        if (asked > 0) break;
        refused = &reply::kTooManyRecipients;
      } else {
        run.question.add_recipients(path.text);
      }
    }
    run.all.push_back({std::move(path.text), refused});
    connection_.input().ConsumeLine();
  }
  return run;
}

asio::awaitable<void> Session::Rcpt() {
  const Reply* out_of_order = nullptr;
  if (transaction_ == nullptr) {
    out_of_order = greeted_ ? &reply::kMailFirst : &reply::kLhloFirst;
  } else if (transaction_->upload != nullptr || transaction_->chunk_failed) {
    out_of_order = &reply::kChunksUnderWay;
  }
  if (out_of_order != nullptr) {
    connection_.input().ConsumeLine();
    Refuse(*out_of_order);
    co_return;
  }

  RcptRun run = TakeRcpts();
  std::vector<absl::Status> statuses;
  if (!run.question.recipients().empty()) {
    run.question.set_declared_octets(transaction_->mail().declared_octets);
    statuses = co_await storage_.client.Check(std::move(run.question));
  }
  size_t next = 0;
  for (RcptRun::One& one : run.all) {
    if (closing_) break;  // nothing follows a 421
    if (one.refused != nullptr) {
      transaction_->Refuse(one.recipient, *one.refused);
      // A list that is too long is nobody's mistake.
      if (one.refused == &reply::kTooManyRecipients) {
        Say(*one.refused);
      } else {
        Refuse(*one.refused);
      }
      continue;
    }
    const absl::Status& status = statuses[next++];
    Reply answer = ReplyOf(status, reply::kRecipientOk);
    const bool has_slot = status.ok() && transaction_->TakeSlot(one.recipient);
    if (status.ok() && !has_slot) answer = reply::kRecipientBusy;
    Say(answer);
    if (has_slot) {
      transaction_->Accept(std::move(one.recipient));
    } else {
      transaction_->Refuse(one.recipient, answer);
    }
  }
}

void Session::EndTransaction(absl::string_view why) {
  if (transaction_ == nullptr) return;
  transaction_->LogAborted(why);
  transaction_.reset();
}

void Session::Refuse(const Reply& reply) {
  Say(reply);
  if (++bad_commands_ > settings_.max_bad_commands && !closing_) {
    CloseWith(reply::kTooManyErrors);
  }
}

void Session::CloseWith(const Reply& reply) {
  Say(reply);
  closing_ = true;
}

void Session::Drain() {
  draining_ = true;
  if (idle_ && transaction_ == nullptr) connection_.Interrupt();
}

void Session::Abort() {
  aborted_ = true;
  if (transaction_ != nullptr && transaction_->upload != nullptr) {
    transaction_->upload->Cancel();
  }
  connection_.Interrupt();
}

}  // namespace restante::lmtp
