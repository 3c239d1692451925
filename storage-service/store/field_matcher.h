// Looks for what filing rules ask for in the header of a message, while the message passes
// by. Every field of a name counts, not the first alone: a sender who puts "X-Spam-Flag:
// NO" on top hides nothing. Headers of MIME parts and of messages inside don't count.
//
// Folded fields are unfolded; white space around a value is none of it; comments and
// encoded-words are not decoded. Holds at most a field's name and the first 256 octets of
// its value, however long header and fields are. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "storage-service/store/filing_rules.h"

namespace restante::store {

class FieldMatcher {
 public:
  // All that will be asked for, before the first Feed. Equal questions are one.
  void LookFor(const FilingRule& rule);

  // The next octets of the message in normal form (normaliser.h). What comes behind the
  // header is passed over.
  void Feed(absl::string_view data);
  // The message ends here.
  void Finish();

  // After Finish, or behind the header. The rule is one of those that were looked for.
  bool Found(const FilingRule& rule) const;

 private:
  // Values in lower case that are looked for, and whether they were there.
  using Values = absl::flat_hash_map<std::string, bool>;
  struct Wanted {
    Values equal;
    Values prefixes;
  };
  // What the rest of the line is: a field's name, the value of one that is looked for,
  // or neither.
  enum class Place { kName, kValue, kNeither };

  void BeginLine(char first);
  void Take(absl::string_view octets);
  void EndField();

  absl::flat_hash_map<std::string, Wanted> fields_;  // by name in lower case
  bool ended_ = false;
  Place place_ = Place::kNeither;
  uint64_t line_octets_ = 0;
  std::string name_;
  Wanted* wanted_ = nullptr;  // the field under way, if it is looked for
  std::string value_;         // in lower case
  bool value_is_longer_ = false;
};

}  // namespace restante::store
