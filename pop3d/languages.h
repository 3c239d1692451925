// Every word that a mail client may be shown, in the languages that LANG offers (RFC
// 6856, section 3). All texts are ASCII, so they can go out whether UTF8 was said or
// not, and constant: a reply costs no lookup but that of an array.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace restante::pop3 {

enum class Language : uint8_t {
  // "i-default" of RFC 2277: what everybody gets who doesn't choose. English.
  kDefault,
  kEnglish,
  kItalian,
};

enum class Text : uint8_t {
  // Greeting, states.
  kReady,
  kBye,
  kShuttingDown,
  // Commands as such.
  kUnknownCommand,
  kLineTooLong,
  kNoArgument,
  kTooManyWrongCommands,
  kLogInFirst,
  kAlreadyLoggedIn,
  kCapabilities,
  // USER, PASS, AUTH.
  kUserTakesName,
  kSendPass,
  kUserBeforePass,
  kPassTakesPassword,
  kNeedsTls,
  kLoggedIn,
  kMechanisms,
  kUnknownMechanism,
  kResponseTooLong,
  kNotPlain,
  kNotExternal,
  kCancelled,
  // STLS.
  kTlsActive,
  kNoTls,
  kStlsAfterUtf8,
  kBehindStls,
  kBeginTls,
  // UTF8, LANG.
  kUtf8On,
  kLanguages,
  kLanguageChosen,
  kLangTakesOne,
  kNoSuchLanguage,
  // LIST, UIDL, RETR, TOP, DELE.
  kMessages,
  kOctets,
  kNoSuchMessage,
  kMessageMarked,
  kRetrTakesNumber,
  kTopTakesNumbers,
  kMarked,
  kTooManyMarks,
  // QUIT.
  kLoggingOut,
  kDeleted,
  kDeletionFailed,
  // Limits.
  kTooManyConnections,
  kTooManyFromAddress,
  kTooFast,
  kTooManyOfUser,
  // What the storage service answered.
  kTemporaryFailure,
  kAuthenticationFailed,
  kAccountDisabled,
  kProtocolDisabled,
  kInUse,
  kSessionLost,
  kMessageGone,
  kMessageUnreadable,
  kLoginDelay,
};
inline constexpr size_t kTextCount = static_cast<size_t>(Text::kLoginDelay) + 1;

absl::string_view TextIn(Language language, Text text);

// The text for an error, as ReplyFor() in common/errors.h has it in English.
Text TextFor(const absl::Status& status);

// The language's tag as LANG spells it.
absl::string_view TagOf(Language language);

// The language for a basic language range by the lookup of RFC 4647, section 3.4:
// "it-CH" finds "it". `preferred` is what "*" finds. Nothing for a range that matches
// no language, or isn't one.
std::optional<Language> FindLanguage(absl::string_view range, Language preferred);

// The lines of the language listing, without the final dot.
void AppendLanguages(std::string* out);

}  // namespace restante::pop3
