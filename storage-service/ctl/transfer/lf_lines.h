// Messages as files of this system have them: lines ended by LF. A message here has no LF
// without a CR in front, so that reading it back, where a bare LF becomes CRLF, gives the
// same octets; a CRLF behind a further CR stays as it is for that reason.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace restante::ctl {

class LfLines {
 public:
  // The next octets, and what was kept back of those before.
  std::string Convert(absl::string_view octets);
  // What is kept back at the end.
  std::string Finish();

 private:
  size_t carriage_returns_ = 0;  // kept back
};

}  // namespace restante::ctl
