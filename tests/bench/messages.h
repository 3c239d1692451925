// The messages that the load generator sends and knows again: each says to whom it
// went and under which number, and every octet of it follows from these two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace restante::bench {

// In place of a user's name: a message that went to several.
inline constexpr std::string_view kEveryone = "everyone";

struct MessageId {
  std::string user;  // or kEveryone
  uint64_t number = 0;
};

// Makes and checks messages of one size. Thread-safe: it doesn't change.
class Messages {
 public:
  // `octets`: as POP3 counts them, at least 512.
  explicit Messages(size_t octets);

  // As it goes over the wire: dot-stuffed (one line of it begins with a dot), every
  // line ending in CRLF, without the final dot.
  std::string OnTheWire(const MessageId& id) const;

  // As the contract carries it: not stuffed.
  std::string Plain(const MessageId& id) const;

  // As a Maildir has it: not stuffed, every line ending in LF.
  std::string InFile(const MessageId& id) const;

  // Checks what a server sent for RETR. It may have put header fields of its own in
  // front; from our first field on every octet has to be right, and the sum of all has
  // to be what LIST said. Otherwise the run is invalid.
  MessageId Check(std::string_view received, uint64_t listed_octets) const;

  // The same for octets that aren't stuffed, and have nothing put in front.
  MessageId CheckPlain(std::string_view received) const;

 private:
  std::string Header(const MessageId& id) const;

  size_t octets_;
  std::string body_;  // longer than any message needs; stuffed
};

}  // namespace restante::bench
