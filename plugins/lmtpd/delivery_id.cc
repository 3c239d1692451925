#include "plugins/lmtpd/delivery_id.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace restante::lmtp {
namespace {

constexpr size_t kMaxQueueIdOctets = 128;

absl::string_view AbslView(std::string_view text) { return {text.data(), text.size()}; }

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Where the field that begins at `begin` ends, with its line end: before the next line
// that doesn't begin with a blank. npos if that isn't there.
size_t EndOfField(std::string_view header, size_t begin) {
  size_t end = begin;
  do {
    const size_t lf = header.find('\n', end);
    if (lf == header.npos || lf + 1 == header.size()) return header.npos;
    end = lf + 1;
  } while (header[end] == ' ' || header[end] == '\t');
  return end;
}

// The message from its first Received field on; empty if its header has none.
std::string_view FromReceived(std::string_view message) {
  size_t begin = 0;
  while (begin < message.size() && message[begin] != '\r' && message[begin] != '\n') {
    const std::string_view rest = message.substr(begin);
    if (absl::StartsWithIgnoreCase(AbslView(rest), "received:")) return rest;
    begin = EndOfField(message, begin);
    if (begin == message.npos) break;
  }
  return {};
}

// Takes the words of a structured field, without comments, until its date.
class Words {
 public:
  explicit Words(std::string_view body) : body_(body) {}

  // Empty at the end.
  std::string_view Next() {
    SkipBlanksAndComments();
    const size_t begin = at_;
    while (at_ < body_.size() && !IsBlank(body_[at_]) && body_[at_] != '(' &&
           body_[at_] != ';') {
      at_ += body_[at_] == '"' ? QuotedLength() : 1;
    }
    return body_.substr(begin, at_ - begin);
  }

 private:
  void SkipBlanksAndComments() {
    size_t depth = 0;
    while (at_ < body_.size()) {
      const char c = body_[at_];
      if (c == '(') {
        ++depth;
      } else if (depth > 0 && c == ')') {
        --depth;
      } else if (depth > 0 && c == '\\') {
        ++at_;
      } else if (depth == 0 && !IsBlank(c)) {
        return;
      }
      ++at_;
    }
    at_ = body_.size();
  }

  // Of the quoted string that begins here.
  size_t QuotedLength() const {
    size_t end = at_ + 1;
    while (end < body_.size() && body_[end] != '"') end += body_[end] == '\\' ? 2 : 1;
    return std::min(end + 1, body_.size()) - at_;
  }

  const std::string_view body_;
  size_t at_ = 0;
};

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

std::string DeliveryId(std::string_view sender, std::string_view beginning) {
  const std::string_view message = FromReceived(beginning);
  const size_t end = message.empty() ? message.npos : EndOfField(message, 0);
  if (end == message.npos) return "";
  const std::string_view queue_id =
      QueueId(message.substr(0, end).substr(message.find(':') + 1));
  if (queue_id.empty()) return "";

  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const std::string_view identifying = message.substr(0, kIdentifyingOctets);
  // A sender has no NUL, so the parts can't be mistaken for each other.
  const bool done =
      context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1 &&
      EVP_DigestUpdate(context.get(), sender.data(), sender.size()) == 1 &&
      EVP_DigestUpdate(context.get(), "\0", 1) == 1 &&
      EVP_DigestUpdate(context.get(), identifying.data(), identifying.size()) == 1 &&
      EVP_DigestFinal_ex(context.get(), digest.data(), &size) == 1;
  if (!done) return "";
  const absl::string_view octets(reinterpret_cast<const char*>(digest.data()), size);
  return absl::StrCat("mta:", AbslView(queue_id), ":", absl::BytesToHexString(octets));
}

std::string_view QueueId(std::string_view body) {
  // Clauses are pairs, "from" a host, "by" a host, "id" a string: a client that calls itself
  // "id" isn't taken for one.
  Words words(body);
  while (true) {
    const std::string_view name = words.Next();
    const std::string_view value = words.Next();
    if (value.empty()) return {};
    if (!absl::EqualsIgnoreCase(AbslView(name), "id")) continue;
    const bool printable = value.find_first_not_of(
                               "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "!#$%&'*+-/=?^_`{|}~.@:<>[]") == value.npos;
    return printable && value.size() <= kMaxQueueIdOctets ? value : std::string_view();
  }
}

}  // namespace restante::lmtp
