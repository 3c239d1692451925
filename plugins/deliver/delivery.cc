#include "plugins/deliver/delivery.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/config.h"
#include "plugins/deliver/message_encoder.h"
#include "plugins/deliver/options.h"

namespace restante::deliver {
namespace {

constexpr size_t kPieceOctets = 64 * 1024;

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string OwnHostname() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

std::chrono::milliseconds Milliseconds(const google::protobuf::Duration& duration) {
  return absl::ToChronoMilliseconds(FromProto(duration));
}

// The message, piece by piece.
class Input {
 public:
  explicit Input(int fd) : fd_(fd) {}

  // Reads until a piece is full or the message has ended.
  absl::Status Fill() {
    while (!ended_ && piece_.size() < kPieceOctets) {
      const size_t before = piece_.size();
      piece_.resize(kPieceOctets);
      const ssize_t got = read(fd_, piece_.data() + before, kPieceOctets - before);
      piece_.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
      if (got < 0 && errno != EINTR)
        return absl::ErrnoToStatus(errno, "can't read the message");
      ended_ = got == 0;
    }
    return absl::OkStatus();
  }

  std::string_view piece() const { return piece_; }
  void Drop(size_t octets) { piece_.erase(0, octets); }
  bool ended() const { return ended_; }

 private:
  const int fd_;
  std::string piece_;
  bool ended_ = false;
};

class Transaction {
 public:
  Transaction(Connection connection, config::OverQuota over_quota)
      : connection_(std::move(connection)), over_quota_(over_quota) {}

  Outcome Greet(const std::string& hostname) {
    absl::StatusOr<Reply> reply = connection_.ReadReply();
    Outcome outcome = Judge(reply, "");
    if (!outcome.ok()) return outcome;
    reply = Ask(absl::StrCat("LHLO ", hostname));
    outcome = Judge(reply, "");
    if (!outcome.ok()) return outcome;
    for (const absl::string_view line : absl::StrSplit(reply->lines, '\n')) {
      eight_bit_ |= absl::EqualsIgnoreCase(line, "8BITMIME");
      smtputf8_ |= absl::EqualsIgnoreCase(line, "SMTPUTF8");
    }
    return {};
  }

  Outcome Envelope(const std::string& sender, const std::vector<std::string>& recipients) {
    const bool ascii =
        IsAscii(sender) && std::all_of(recipients.begin(), recipients.end(), IsAscii);
    if (!ascii && !smtputf8_) {
      return {EX_DATAERR, "5.6.7 the server doesn't take addresses outside ASCII\n"};
    }
    const Outcome taken =
        Judge(Ask(absl::StrCat("MAIL FROM:<", sender, ">", eight_bit_ ? " BODY=8BITMIME" : "",
                               ascii ? "" : " SMTPUTF8")),
              "");
    if (!taken.ok()) return taken;
    std::vector<Outcome> outcomes;
    for (const std::string& recipient : recipients) {
      outcomes.push_back(Judge(Ask(absl::StrCat("RCPT TO:<", recipient, ">")), recipient));
    }
    return Together(outcomes);
  }

  Outcome Message(Input& input, const std::vector<std::string>& recipients) {
    const absl::StatusOr<Reply> start = Ask("DATA");
    if (!start.ok()) return OutcomeOf(start.status());
    if (start->code != 354) return OutcomeOf(*start, "", over_quota_);
    MessageEncoder encoder;
    absl::Status status;
    std::string data;
    while (true) {
      encoder.Encode(input.piece(), &data);
      const bool ended = input.ended();
      if (ended) encoder.Finish(&data);
      status = connection_.Write(data);
      if (!status.ok() || ended) break;
      data.clear();
      input.Drop(input.piece().size());
      // Not ended: the connection breaks off, and nobody gets half a message.
      if (absl::Status read = input.Fill(); !read.ok()) return OutcomeOf(read);
    }
    // A server that went away may have said why.
    std::vector<Outcome> outcomes;
    for (const std::string& recipient : recipients) {
      const absl::StatusOr<Reply> reply = connection_.ReadReply();
      if (!reply.ok()) return OutcomeOf(reply.status());
      outcomes.push_back(OutcomeOf(*reply, recipient, over_quota_));
      if (reply->code == 421) break;
    }
    if (!status.ok() && Together(outcomes).ok()) return OutcomeOf(status);
    connection_.Write("QUIT\r\n").IgnoreError();
    return Together(outcomes);
  }

 private:
  absl::StatusOr<Reply> Ask(absl::string_view command) {
    const std::string line = absl::StrCat(command, "\r\n");
    // What the server said before it went away is more than that it has gone.
    const absl::Status sent = connection_.Write(line);
    absl::StatusOr<Reply> reply = connection_.ReadReply();
    if (!reply.ok() && !sent.ok()) return sent;
    return reply;
  }

  Outcome Judge(const absl::StatusOr<Reply>& reply, absl::string_view recipient) const {
    if (!reply.ok()) return OutcomeOf(reply.status());
    return OutcomeOf(*reply, recipient, over_quota_);
  }

  Connection connection_;
  const config::OverQuota over_quota_;
  bool eight_bit_ = false;
  bool smtputf8_ = false;
};

}  // namespace

Outcome Deliver(int input, std::optional<std::string> sender,
                const std::vector<std::string>& recipients,
                const config::DeliverConfig& config) {
  Input message(input);
  if (absl::Status status = message.Fill(); !status.ok()) return OutcomeOf(status);
  if (const size_t line = FromLineLength(message.piece()); line > 0) {
    const std::string_view named = FromLineSender(message.piece().substr(0, line));
    if (!sender.has_value()) {
      sender = ReadSender(absl::string_view(named.data(), named.size()));
    }
    message.Drop(line);
  }

  const absl::StatusOr<ServerAddress> address = ParseServerAddress(config.lmtp());
  if (!address.ok()) return OutcomeOf(address.status());
  absl::StatusOr<Connection> connection = Connection::Open(
      *address, Milliseconds(config.connect_timeout()), Milliseconds(config.reply_timeout()));
  if (!connection.ok()) return OutcomeOf(connection.status());

  Transaction transaction(*std::move(connection), config.over_quota());
  Outcome outcome =
      transaction.Greet(config.hostname().empty() ? OwnHostname() : config.hostname());
  if (outcome.ok()) outcome = transaction.Envelope(sender.value_or(""), recipients);
  if (outcome.ok()) outcome = transaction.Message(message, recipients);
  return outcome;
}

}  // namespace restante::deliver
