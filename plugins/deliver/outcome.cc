#include "plugins/deliver/outcome.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace restante::deliver {
namespace {

// A mailbox that is full, whether the server takes that for lasting or not.
bool IsOverQuota(const Reply& reply) {
  return reply.enhanced == "4.2.2" || reply.enhanced == "5.2.2";
}

int PermanentCode(absl::string_view enhanced) {
  // 5.1.7 and 5.1.8 are about the sender.
  if (enhanced == "5.1.7" || enhanced == "5.1.8") return EX_DATAERR;
  if (absl::StartsWith(enhanced, "5.1.") || absl::StartsWith(enhanced, "5.2."))
    return EX_NOUSER;
  if (absl::StartsWith(enhanced, "5.3.4") || absl::StartsWith(enhanced, "5.6.")) {
    return EX_DATAERR;
  }
  if (absl::StartsWith(enhanced, "5.7.")) return EX_NOPERM;
  // 5.5 means that this program and the server don't understand each other: no fault of
  // the sender's, who would get the message back.
  return absl::StartsWith(enhanced, "5.5.") ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

std::string Line(absl::string_view enhanced, absl::string_view recipient,
                 absl::string_view text) {
  if (recipient.empty()) return absl::StrCat(enhanced, " ", text, "\n");
  return absl::StrCat(enhanced, " <", recipient, ">: ", text, "\n");
}

}  // namespace

Outcome OutcomeOf(const Reply& reply, absl::string_view recipient,
                  config::OverQuota over_quota) {
  if (reply.Accepted()) return {};
  if (IsOverQuota(reply)) {
    const bool reject = over_quota == config::OVER_QUOTA_REJECT;
    return {reject ? EX_CANTCREAT : EX_TEMPFAIL,
            Line(reject ? "5.2.2" : "4.2.2", recipient, reply.text)};
  }
  if (reply.code / 100 != 5) {
    // A reply that has no place here, such as 354, is a fault to be mended as well.
    const bool fits = absl::StartsWith(reply.enhanced, "4.");
    return {EX_TEMPFAIL, Line(fits ? reply.enhanced : "4.3.0", recipient, reply.text)};
  }
  const int code = PermanentCode(reply.enhanced);
  if (code == EX_TEMPFAIL) return {code, Line("4.3.0", recipient, reply.text)};
  const bool fits = absl::StartsWith(reply.enhanced, "5.");
  return {code, Line(fits ? reply.enhanced : "5.3.0", recipient, reply.text)};
}

Outcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return {};
  return {EX_TEMPFAIL, absl::StrCat("4.3.0 ", status.message(), "\n")};
}

Outcome Together(const std::vector<Outcome>& outcomes) {
  const Outcome* worst = nullptr;
  for (const Outcome& outcome : outcomes) {
    if (outcome.ok()) continue;
    if (worst == nullptr ||
        (outcome.exit_code == EX_TEMPFAIL && worst->exit_code != EX_TEMPFAIL)) {
      worst = &outcome;
    }
  }
  if (worst == nullptr) return {};
  // The line that agrees with the exit code first: it is the one that Postfix goes by.
  Outcome together = *worst;
  for (const Outcome& outcome : outcomes) {
    if (&outcome != worst) together.text += outcome.text;
  }
  return together;
}

}  // namespace restante::deliver
