// How addresses are compared: the rule at the head of accounts.proto.
//
// An address is `localpart@domain`, or a user name alone. Its normal form, under
// which the directory files it, is
//   - the local part (or user name) in lower case and Unicode NFC. A quoted local
//     part (RFC 5321, section 4.1.2) is the same as without its quotes;
//   - the domain as ASCII labels in lower case: IDNA 2008 with UTS #46 mapping,
//     non-transitional, so that `BÜCHER.example` is `xn--bcher-kva.example`.
//
// Refused: what is empty, longer than 255 octets or not UTF-8; a local part with
// control or formatting characters, white space, `@`, `"`, `\`, `<` or `>`; a
// domain that isn't made of labels of letters, digits and inner hyphens (RFC
// 1123, section 2.1), address literals among them. All functions are pure.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::store {

inline constexpr size_t kMaxAddressOctets = 255;

// The normal form. BAD_ADDRESS: the message says what is wrong. Two addresses are
// the same if their normal forms are equal; a normal form is its own.
absl::StatusOr<std::string> NormalizeAddress(absl::string_view address);

// Of an address in normal form: the address without `+detail` in its local part;
// nothing if there is none. The detail begins at the first `+`; a local part that
// begins with it has none.
std::optional<std::string> WithoutDetail(absl::string_view normalized);

// That detail, of an address as it was written: in NFC and without quotes, but with its
// case, for it may name a mailbox. Empty: there is none, or this is no address.
std::string DetailOf(absl::string_view address);

// The domain of an address in normal form; empty if it has none.
std::string DomainOf(absl::string_view normalized);

// The normal form of a domain alone. BAD_ADDRESS.
absl::StatusOr<std::string> NormalizeDomain(absl::string_view domain);

}  // namespace restante::store
