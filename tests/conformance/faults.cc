// The front-end's faults by the names that RESTANTE_FAULT takes. A name that isn't one
// ends the program, with all of them: a test that misspells one must not pass.
#include "pop3d/faults.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace restante::pop3 {
namespace {

struct Name {
  const char* name;
  Fault fault;
};

constexpr Name kNames[] = {
    {"none", Fault::kNone},
    {"keywords-in-capitals-only", Fault::kKeywordsInCapitalsOnly},
    {"unfinished-line-is-a-command", Fault::kUnfinishedLineIsACommand},
    {"long-line-runs-its-end", Fault::kLongLineRunsItsEnd},
    {"pass-trims-spaces", Fault::kPassTrimsSpaces},
    {"number-zero-is-one", Fault::kNumberZeroIsOne},
    {"numbers-wrap", Fault::kNumbersWrap},
    {"signed-numbers", Fault::kSignedNumbers},
    {"more-arguments-are-passed-over", Fault::kMoreArgumentsArePassedOver},
    {"bare-line-feeds", Fault::kBareLineFeeds},
    {"small-letters", Fault::kSmallLetters},
    {"no-response-codes", Fault::kNoResponseCodes},
    {"in-use-is-auth", Fault::kInUseIsAuth},
    {"sys-temp-is-auth", Fault::kSysTempIsAuth},
    {"reply-per-write", Fault::kReplyPerWrite},
    {"echoes-input", Fault::kEchoesInput},
    {"capa-differs-by-state", Fault::kCapaDiffersByState},
    {"capa-lacks-top-before-login", Fault::kCapaLacksTopBeforeLogin},
    {"capa-lists-stls-under-tls", Fault::kCapaListsStlsUnderTls},
    {"pass-without-user-again", Fault::kPassWithoutUserAgain},
    {"passwords-in-the-clear", Fault::kPasswordsInTheClear},
    {"challenge-without-space", Fault::kChallengeWithoutSpace},
    {"acts-for-anybody", Fault::kActsForAnybody},
    {"transaction-before-login", Fault::kTransactionBeforeLogin},
    {"stls-takes-clear-text", Fault::kStlsTakesClearText},
    {"stls-keeps-user", Fault::kStlsKeepsUser},
    {"list-octets-off-by-one", Fault::kListOctetsOffByOne},
    {"stat-octets-off-by-one", Fault::kStatOctetsOffByOne},
    {"stat-counts-marked", Fault::kStatCountsMarked},
    {"list-shows-marked", Fault::kListShowsMarked},
    {"marked-can-be-retrieved", Fault::kMarkedCanBeRetrieved},
    {"uidl-changes", Fault::kUidlChanges},
    {"first-dot-unstuffed", Fault::kFirstDotUnstuffed},
    {"dot-unstuffed-at-border", Fault::kDotUnstuffedAtBorder},
    {"extra-line-end", Fault::kExtraLineEnd},
    {"top-takes-one-line-less", Fault::kTopTakesOneLineLess},
    {"top-sends-whole", Fault::kTopSendsWhole},
    {"retr-marks", Fault::kRetrMarks},
    {"rset-keeps-marks", Fault::kRsetKeepsMarks},
    {"drop-deletes", Fault::kDropDeletes},
    {"quit-answers-first", Fault::kQuitAnswersFirst},
    {"quit-hides-failure", Fault::kQuitHidesFailure},
    {"quit-deletes-nothing", Fault::kQuitDeletesNothing},
    {"no-close-notify", Fault::kNoCloseNotify},
};

Fault FromEnvironment() {
  const char* const wanted = std::getenv("RESTANTE_FAULT");
  if (wanted == nullptr) return Fault::kNone;
  for (const Name& name : kNames) {
    if (std::strcmp(name.name, wanted) == 0) return name.fault;
  }
  std::fprintf(stderr, "RESTANTE_FAULT=%s is none of these:\n", wanted);
  for (const Name& name : kNames) std::fprintf(stderr, "%s\n", name.name);
  std::exit(2);
}

}  // namespace

bool On(Fault fault) {
  static const Fault chosen = FromEnvironment();
  return fault == chosen;
}

}  // namespace restante::pop3
