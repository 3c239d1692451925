#include "storage-service/ctl/transfer/pop3_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

constexpr size_t kMostReplyLine = 8192;
constexpr size_t kReceivedOctets = size_t{64} << 10;
// Asked for ahead: their commands fit into any socket's buffer.
constexpr size_t kAhead = 64;

// An answer of -ERR; not a failure of the connection.
absl::Status RefusedBy(const MailServer& server, absl::string_view command,
                       absl::string_view line) {
  return RefusedError(absl::StrCat(server.Name(), " answers ", command, ": ", line));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pop3Client>> Pop3Client::LogIn(const MailServer& server) {
  absl::StatusOr<std::unique_ptr<NetStream>> stream = NetStream::Connect(server);
  if (!stream.ok()) return stream.status();
  std::unique_ptr<Pop3Client> client(new Pop3Client(*std::move(stream)));
  absl::Status status = client->Greet();
  if (status.ok()) status = client->Authenticate();
  if (!status.ok()) return status;
  // Some capabilities are told only now.
  client->AskCapabilities();
  return client;
}

absl::Status Pop3Client::Fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t kept = buffer_.size();
  buffer_.resize(kept + kReceivedOctets);
  const absl::StatusOr<size_t> read = stream_->Read(buffer_.data() + kept, kReceivedOctets);
  buffer_.resize(kept + (read.ok() ? *read : 0));
  if (!read.ok()) return read.status();
  if (*read == 0) {
    return ServerLost(absl::StrCat(stream_->server().Name(), " has closed the connection"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Pop3Client::ReadLine() {
  while (true) {
    const size_t end = buffer_.find('\n', begin_);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(begin_, end - begin_);
      begin_ = end + 1;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
    if (buffer_.size() - begin_ > kMostReplyLine) {
      return ServerLost(absl::StrCat(stream_->server().Name(), " doesn't end its line"));
    }
    absl::Status filled = Fill();
    if (!filled.ok()) return filled;
  }
}

absl::Status Pop3Client::Send(absl::string_view command) {
  return stream_->Write(absl::StrCat(command, "\r\n"));
}

absl::StatusOr<std::string> Pop3Client::ReadReply() {
  absl::StatusOr<std::string> line = ReadLine();
  if (!line.ok() || absl::StartsWith(*line, "+OK")) return line;
  if (absl::StartsWith(*line, "-ERR")) return absl::FailedPreconditionError(*line);
  return ServerLost(absl::StrCat(stream_->server().Name(), " doesn't speak POP3: ", *line));
}

absl::StatusOr<std::string> Pop3Client::Ask(absl::string_view command) {
  absl::Status sent = Send(command);
  if (!sent.ok()) return sent;
  absl::StatusOr<std::string> reply = ReadReply();
  if (reply.ok() || ExitCodeOf(reply.status()) != kRefused || IsServerLost(reply.status())) {
    return reply;
  }
  // What follows a password doesn't belong on a terminal.
  const absl::string_view verb = command.substr(0, command.find(' '));
  return RefusedBy(stream_->server(), verb, reply.status().message());
}

absl::Status Pop3Client::Greet() {
  const absl::StatusOr<std::string> greeting = ReadReply();
  if (!greeting.ok()) {
    return IsServerLost(greeting.status())
               ? greeting.status()
               : RefusedBy(stream_->server(), "the connection", greeting.status().message());
  }
  if (stream_->server().tls != TlsMode::kStartTls) return absl::OkStatus();
  const absl::StatusOr<std::string> agreed = Ask("STLS");
  if (!agreed.ok()) return agreed.status();
  if (begin_ != buffer_.size()) {
    return RefusedError(
        absl::StrCat(stream_->server().Name(), " has said more before TLS began"));
  }
  return stream_->StartTls();
}

void Pop3Client::AskCapabilities() {
  const absl::StatusOr<std::vector<Listed>> lines = List("CAPA");
  if (!lines.ok()) return;  // an old server has none
  capabilities_.clear();
  for (const Listed& line : *lines) {
    capabilities_.insert(absl::AsciiStrToUpper(line.text.substr(0, line.text.find(' '))));
  }
}

absl::Status Pop3Client::Authenticate() {
  const MailServer& server = stream_->server();
  const absl::StatusOr<std::string> user = Ask(absl::StrCat("USER ", server.user));
  if (!user.ok()) return user.status();
  return Ask(absl::StrCat("PASS ", server.password)).status();
}

absl::StatusOr<std::vector<Pop3Client::Listed>> Pop3Client::List(absl::string_view command) {
  const absl::StatusOr<std::string> reply = Ask(command);
  if (!reply.ok()) return reply.status();
  std::vector<Listed> list;
  while (true) {
    const absl::StatusOr<std::string> line = ReadLine();
    if (!line.ok()) return line.status();
    if (*line == ".") return list;
    absl::string_view text = *line;
    absl::ConsumePrefix(&text, ".");
    Listed listed;
    const size_t space = text.find(' ');
    if (space != absl::string_view::npos &&
        absl::SimpleAtoi(text.substr(0, space), &listed.number)) {
      text = absl::StripAsciiWhitespace(text.substr(space + 1));
    }
    listed.text = std::string(text);
    list.push_back(std::move(listed));
  }
}

absl::Status Pop3Client::Retrieve(const std::vector<uint32_t>& numbers, const Reader& reader) {
  const size_t ahead = capabilities_.contains("PIPELINING") ? kAhead : 1;
  size_t asked = 0;
  for (size_t i = 0; i < numbers.size(); ++i) {
    std::string commands;
    // Half of them at once, so that commands share packets.
    if (asked - i <= ahead / 2) {
      for (; asked < numbers.size() && asked < i + ahead; ++asked) {
        absl::StrAppend(&commands, "RETR ", numbers[asked], "\r\n");
      }
    }
    absl::Status status = commands.empty() ? absl::OkStatus() : stream_->Write(commands);
    if (!status.ok()) return status;
    const absl::StatusOr<std::string> reply = ReadReply();
    if (IsServerLost(reply.status())) return reply.status();
    if (!reply.ok()) {
      status = reader.begin(i, RefusedBy(stream_->server(), "RETR", reply.status().message()));
    } else {
      status = reader.begin(i, absl::OkStatus());
      if (status.ok()) status = ReadMessage(reader);
      if (status.ok()) status = reader.end();
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Pop3Client::ReadMessage(const Reader& reader) {
  std::string octets;
  bool line_begins = true;
  char last = 0;
  while (true) {
    // A dot in front is stuffing, or with a line's end behind it the end.
    while (buffer_.size() - begin_ < (line_begins ? 3 : 1)) {
      absl::Status filled = Fill();
      if (!filled.ok()) return filled;
    }
    if (line_begins && buffer_[begin_] == '.') {
      if (buffer_.compare(begin_, 3, ".\r\n") == 0) {
        begin_ += 3;
        break;
      }
      ++begin_;
    }
    const size_t end = buffer_.find('\n', begin_);
    const size_t stop = end == std::string::npos ? buffer_.size() : end + 1;
    octets.append(buffer_, begin_, stop - begin_);
    // RFC 1939: lines end in CRLF. A bare LF is part of its line.
    const char before = stop - begin_ >= 2 ? buffer_[stop - 2] : last;
    line_begins = end != std::string::npos && before == '\r';
    last = buffer_[stop - 1];
    begin_ = stop;
    if (octets.size() >= kReceivedOctets) {
      absl::Status taken = reader.data(std::exchange(octets, std::string()));
      if (!taken.ok()) return taken;
    }
  }
  return octets.empty() ? absl::OkStatus() : reader.data(std::move(octets));
}

absl::Status Pop3Client::DeleteAndQuit(const std::vector<uint32_t>& numbers) {
  for (const uint32_t number : numbers) {
    const absl::StatusOr<std::string> deleted = Ask(absl::StrCat("DELE ", number));
    if (!deleted.ok()) return deleted.status();
  }
  return Ask("QUIT").status();
}

}  // namespace restante::ctl
