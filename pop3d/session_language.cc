// UTF8 and LANG: RFC 6856.
#include "absl/strings/str_cat.h"
#include "pop3d/replies.h"
#include "pop3d/session.h"

namespace restante::pop3 {

void Session::Utf8() {
  utf8_ = true;
  Ok(Text::kUtf8On);
}

void Session::Lang(absl::string_view argument) {
  if (argument.empty()) {
    Ok(Text::kLanguages);
    AppendLanguages(&out());
    AppendEnd(&out());
    return;
  }
  const std::optional<absl::string_view> range = OneArgument(argument);
  if (!range.has_value()) {
    Refuse(Text::kLangTakesOne);
    return;
  }
  const std::optional<Language> found =
      FindLanguage(*range, environment_.settings.preferred_language);
  if (!found.has_value()) {
    Refuse(Text::kNoSuchLanguage);
    return;
  }
  language_ = *found;
  AppendOk(absl::StrCat(TagOf(language_), " ", TextIn(language_, Text::kLanguageChosen)),
           &out());
}

}  // namespace restante::pop3
