#include "tests/bench/messages.h"

#include <algorithm>
#include <charconv>

#include "tests/bench/connection.h"

namespace restante::bench {
namespace {

constexpr std::string_view kField = "X-Load: ";
constexpr std::string_view kDotLine = "..this line begins with a dot\r\n";

// From the field that says whose the message is.
MessageId IdOf(std::string_view message) {
  const std::string_view line =
      message.substr(kField.size(), message.find("\r\n") - kField.size());
  const size_t space = line.find(' ');
  MessageId id;
  if (message.substr(0, kField.size()) != kField || space == std::string_view::npos) {
    InvalidRun("not a message of ours: \"" + std::string(message.substr(0, 300)) + "\"");
  }
  id.user = line.substr(0, space);
  std::from_chars(line.data() + space + 1, line.data() + line.size(), id.number);
  return id;
}

}  // namespace

Messages::Messages(size_t octets) : octets_(octets) {
  body_ = kDotLine;
  for (uint64_t line = 0; body_.size() < octets + 100; ++line) {
    body_ += "line " + std::to_string(line * 7919 % 100000) +
             " of a letter about tulips, roses and the weather of the week\r\n";
  }
}

std::string Messages::Header(const MessageId& id) const {
  return std::string(kField) + id.user + " " + std::to_string(id.number) +
         "\r\nFrom: Ada Ferri <ada.ferri@example.org>\r\nTo: <" + id.user +
         ">\r\nSubject: A letter of the bench\r\nDate: Tue, 03 Mar 2026 09:14:07 +0100\r\n"
         "Message-ID: <" +
         std::to_string(id.number) + "." + id.user + ">\r\n\r\n";
}

std::string Messages::OnTheWire(const MessageId& id) const {
  std::string message = Header(id);
  message.reserve(octets_ + 16);
  // One octet more on the wire than counted, for the stuffed dot.
  message.append(body_, 0, octets_ + 1 - 2 - message.size());
  // The cut may be behind a CR.
  if (message.back() == '\r') message.back() = '.';
  message += "\r\n";
  return message;
}

std::string Messages::Plain(const MessageId& id) const {
  std::string message = OnTheWire(id);
  message.erase(message.find("\r\n\r\n") + 4, 1);
  return message;
}

std::string Messages::InFile(const MessageId& id) const {
  std::string message = Plain(id);
  std::erase(message, '\r');
  return message;
}

MessageId Messages::Check(std::string_view received, uint64_t listed_octets) const {
  size_t at = 0;
  while (received.substr(at, kField.size()) != kField) {
    at = received.find("\r\n", at);
    if (at == std::string_view::npos) {
      InvalidRun("not a message of ours: \"" + std::string(received.substr(0, 300)) + "\"");
    }
    at += 2;
  }
  MessageId id = IdOf(received.substr(at));
  if (received.substr(at) != OnTheWire(id)) {
    InvalidRun("wrong octets in message " + std::to_string(id.number) + " to " + id.user);
  }
  if (received.size() != listed_octets + 1) {
    InvalidRun("LIST announced " + std::to_string(listed_octets) + " octets and RETR sent " +
               std::to_string(received.size() - 1));
  }
  return id;
}

MessageId Messages::CheckPlain(std::string_view received) const {
  MessageId id = IdOf(received);
  if (received != Plain(id)) {
    InvalidRun("wrong octets in message " + std::to_string(id.number) + " to " + id.user);
  }
  return id;
}

}  // namespace restante::bench
