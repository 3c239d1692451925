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
