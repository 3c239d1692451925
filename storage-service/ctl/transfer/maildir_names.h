// What the names of a Maildir's files say, and Dovecot's list of keywords beside them.
//
// A name is BASE, or BASE:2,FLAGS in `cur`. The base stays the same as long as the message
// is there; sizes in it (S=, W=) are hints of the server that wrote it and aren't trusted.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace restante::ctl {

std::string MaildirBase(absl::string_view name);

// The seconds since 1970 that a base begins with; nothing: it doesn't.
std::optional<absl::Time> MaildirTime(absl::string_view base);

// `dovecot-keywords`: which keywords the letters a to z stand for.
using MaildirKeywords = std::map<char, std::string>;
MaildirKeywords ParseMaildirKeywords(absl::string_view text);
std::string FormatMaildirKeywords(const MaildirKeywords& keywords);

// As IMAP has them; P (passed) is $Forwarded.
std::vector<std::string> MaildirFlags(absl::string_view name, const MaildirKeywords& keywords);

// The letters, in the order of ASCII as they have to be. Keywords that have no letter yet
// are added to `keywords`; those for which no letter is left are added to `left_out`.
std::string MaildirLetters(const std::vector<std::string>& flags, MaildirKeywords* keywords,
                           std::vector<std::string>* left_out);

}  // namespace restante::ctl
