// Rules that file mail by its header, such as what a spam filter has marked: values, what
// is legal, and the records of it. filing_settings.h keeps those of domains,
// field_matcher.h looks at messages.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::store {

namespace format {
class FilingRules;
}  // namespace format

struct FilingRule {
  std::string field;  // its name; compared without regard to case
  // What the field holds, without white space around it; compared without regard to the
  // case of ASCII.
  std::string value;
  bool prefix = false;  // it begins so; an empty value then is any
  std::string mailbox;  // its name, or kJunkMailbox

  friend bool operator==(const FilingRule&, const FilingRule&) = default;
};

// The first that applies decides. No rules are a list as well, which ends inheritance.
using FilingRules = std::vector<FilingRule>;

// The mailbox with this special use, in place of a name.
inline constexpr char kJunkMailbox[] = "\\Junk";
// The one that is made if there is none.
inline constexpr char kNewJunkMailbox[] = "Junk";

inline constexpr size_t kMostFilingRules = 8;
inline constexpr size_t kMostFilingValueOctets = 200;

// The rules in the form in which they are kept: values without white space around them,
// canonical names of mailboxes. INVALID_REQUEST names the rule and what is wrong with it.
absl::StatusOr<FilingRules> CheckFilingRules(FilingRules rules);

void ToRecord(const FilingRules& rules, format::FilingRules* record);
FilingRules FromRecord(const format::FilingRules& record);

}  // namespace restante::store
