// The messages that the load generator sends and knows again: each says to whom it
// went and under which number, and every octet of it follows from these two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace restante::bench {

struct MessageId {
  std::string user;
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

  // Checks what a server sent for RETR. It may have put header fields of its own in
  // front; from our first field on every octet has to be right, and the sum of all has
  // to be what LIST said. Otherwise the run is invalid.
  MessageId Check(std::string_view received, uint64_t listed_octets) const;

 private:
  std::string Header(const MessageId& id) const;

  size_t octets_;
  std::string body_;  // longer than any message needs; stuffed
};

}  // namespace restante::bench
