// One SASL exchange: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login), from the
// client's responses to a name and a password. Knows no I/O, and asks nobody.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace restante::auth {

class Exchange {
 public:
  enum class Next {
    kChallenge,  // challenge() is to be sent, and the response to it to be given
    kComplete,   // user() and password() are there
    kMalformed,  // the response can't be one
    kOtherUser,  // the client wants to act for somebody else than who logs in
  };

  // Nothing for a mechanism that isn't offered; the name is in upper case.
  static std::optional<Exchange> Begin(std::string_view mechanism);

  // The client's next response, in base64; nullopt stands for an initial response that
  // was not given. Not to be called after kComplete or an error.
  Next Respond(const std::optional<std::string>& base64);

  const std::string& challenge() const { return challenge_; }
  const std::string& user() const { return user_; }
  const std::string& password() const { return password_; }

 private:
  explicit Exchange(bool login) : login_(login) {}
  Next RespondPlain(const std::optional<std::string>& base64);
  Next RespondLogin(const std::optional<std::string>& base64);

  bool login_;
  std::string challenge_;
  std::string user_;
  std::string password_;
};

}  // namespace restante::auth
