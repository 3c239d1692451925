// Errors that the directory's parts give and ask for.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/errors.h"

namespace restante::store {

inline absl::Status NoSuchAccount(absl::string_view address) {
  return MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT,
                   absl::StrCat("there is no account ", address));
}

inline absl::Status AccountExists(absl::string_view address) {
  return MakeError(v1::ERROR_REASON_ACCOUNT_EXISTS,
                   absl::StrCat("the account or alias ", address, " exists already"));
}

inline absl::Status DisabledError(absl::string_view address) {
  return MakeError(v1::ERROR_REASON_ACCOUNT_DISABLED,
                   absl::StrCat("the account ", address, " is disabled"));
}

// The operator set it so: the right password changes nothing.
inline absl::Status ProtocolDisabled(absl::string_view address, absl::string_view protocol) {
  return MakeError(v1::ERROR_REASON_PROTOCOL_DISABLED,
                   absl::StrCat(protocol, " is switched off for the account ", address));
}

// Somebody else is creating, renaming or deleting it.
inline absl::Status BeingChanged(absl::string_view address) {
  return OverloadedError(absl::StrCat("the account ", address, " is being changed"),
                         absl::Seconds(1));
}

inline bool IsNoSuchAccount(const absl::Status& status) {
  return ReasonOf(status) == v1::ERROR_REASON_NO_SUCH_ACCOUNT;
}

inline bool IsNoSuchMailbox(const absl::Status& status) {
  return ReasonOf(status) == v1::ERROR_REASON_NO_SUCH_MAILBOX;
}

// What is stored is wrong, as opposed to: it can't be read now.
inline bool IsFlaw(const absl::Status& status) {
  return ReasonOf(status) == v1::ERROR_REASON_CORRUPT;
}

}  // namespace restante::store
