// Faults that tests switch on, one at a time, in a build of the front-end that is made
// for nothing else (RESTANTE_FAULTS): the conformance suite must catch each of them. In
// every other build On() is false when it is compiled, and nothing of them is left.
#pragma once

namespace restante::pop3 {

enum class Fault {
  kNone,
  // Lines and commands.
  kKeywordsInCapitalsOnly,
  kUnfinishedLineIsACommand,
  kLongLineRunsItsEnd,
  kPassTrimsSpaces,
  kNumberZeroIsOne,
  kNumbersWrap,
  kSignedNumbers,
  kMoreArgumentsArePassedOver,
  // Replies.
  kBareLineFeeds,
  kSmallLetters,
  kNoResponseCodes,
  kInUseIsAuth,
  kSysTempIsAuth,
  kReplyPerWrite,
  kEchoesInput,
  // CAPA.
  kCapaDiffersByState,
  kCapaLacksTopBeforeLogin,
  kCapaListsStlsUnderTls,
  // Logging in.
  kPassWithoutUserAgain,
  kPasswordsInTheClear,
  kChallengeWithoutSpace,
  kActsForAnybody,
  kTransactionBeforeLogin,
  kStlsTakesClearText,
  kStlsKeepsUser,
  // Messages.
  kListOctetsOffByOne,
  kStatOctetsOffByOne,
  kStatCountsMarked,
  kListShowsMarked,
  kMarkedCanBeRetrieved,
  kUidlChanges,
  kFirstDotUnstuffed,
  kDotUnstuffedAtBorder,
  kExtraLineEnd,
  kTopTakesOneLineLess,
  kTopSendsWhole,
  kRetrMarks,
  kRsetKeepsMarks,
  // The end.
  kDropDeletes,
  kQuitAnswersFirst,
  kQuitHidesFailure,
  kQuitDeletesNothing,
  kNoCloseNotify,
};

#ifdef RESTANTE_FAULTS
// Whether it is the one that the environment variable RESTANTE_FAULT names.
bool On(Fault fault);
#else
constexpr bool On(Fault) { return false; }
#endif

}  // namespace restante::pop3
