#include "pop3d/replies.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace restante::pop3 {

void AppendOk(absl::string_view text, std::string* out) {
  if (text.empty()) {
    out->append("+OK\r\n");
  } else {
    absl::StrAppend(out, "+OK ", text, "\r\n");
  }
}

void AppendError(absl::string_view text, std::string* out) {
  absl::StrAppend(out, "-ERR ", text, "\r\n");
}

void AppendError(absl::string_view code, absl::string_view text, std::string* out) {
  absl::StrAppend(out, "-ERR ", code, text, "\r\n");
}

void AppendError(const absl::Status& status, Language language, std::string* out) {
  AppendError(ReplyFor(status).pop3_code, TextIn(language, TextFor(status)), out);
}

}  // namespace restante::pop3
