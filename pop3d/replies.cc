#include "pop3d/replies.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "pop3d/faults.h"

namespace restante::pop3 {
namespace {

absl::string_view CodeFor(const absl::Status& status) {
  const absl::string_view code = ReplyFor(status).pop3_code;
  if (On(Fault::kInUseIsAuth) && code == "[IN-USE] ") return kAuthCode;
  if (On(Fault::kSysTempIsAuth) && code == kSysTempCode) return kAuthCode;
  return code;
}

}  // namespace

void AppendOk(absl::string_view text, std::string* out) {
  if (text.empty()) {
    out->append("+OK\r\n");
  } else {
    absl::StrAppend(out, On(Fault::kSmallLetters) ? "+ok " : "+OK ", text,
                    On(Fault::kBareLineFeeds) ? "\n" : "\r\n");
  }
}

void AppendError(absl::string_view text, std::string* out) {
  absl::StrAppend(out, "-ERR ", text, "\r\n");
}

void AppendError(absl::string_view code, absl::string_view text, std::string* out) {
  absl::StrAppend(out, "-ERR ", On(Fault::kNoResponseCodes) ? "" : code, text, "\r\n");
}

void AppendError(const absl::Status& status, Language language, std::string* out) {
  AppendError(CodeFor(status), TextIn(language, TextFor(status)), out);
}

}  // namespace restante::pop3
