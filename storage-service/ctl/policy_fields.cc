#include "storage-service/ctl/policy_fields.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/config_values.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

std::string DeletionWord(v1::Pop3Policy::Deletion deletion) {
  switch (deletion) {
    case v1::Pop3Policy::DELETION_EXPUNGE:
      return "expunge";
    case v1::Pop3Policy::DELETION_HIDE:
      return "hide";
    case v1::Pop3Policy::DELETION_MOVE:
      return "move";
    default:
      return "";
  }
}

std::string FormatPeriod(bool set, const google::protobuf::Duration& period,
                         absl::string_view nothing) {
  if (!set) return "";
  const absl::Duration duration =
      absl::Seconds(period.seconds()) + absl::Nanoseconds(period.nanos());
  return duration == absl::ZeroDuration() ? std::string(nothing)
                                          : FormatConfigDuration(duration);
}

}  // namespace

const std::vector<PolicyField>& PolicyFields() {
  static const std::vector<PolicyField>* const fields =
      new std::vector<PolicyField>{{"deletion", "Deletion"},
                                   {"move_to", "Move to"},
                                   {"expire_retrieved", "Expire after retrieval"},
                                   {"expire_arrived", "Expire after arrival"},
                                   {"login_delay", "Login delay"}};
  return *fields;
}

absl::Status ParseDeletion(const std::string& text, v1::Pop3Policy* policy) {
  absl::string_view mailbox = text;
  if (text == "expunge") {
    policy->set_deletion(v1::Pop3Policy::DELETION_EXPUNGE);
  } else if (text == "hide") {
    policy->set_deletion(v1::Pop3Policy::DELETION_HIDE);
  } else if (text == "move") {
    policy->set_deletion(v1::Pop3Policy::DELETION_MOVE);
  } else if (absl::ConsumePrefix(&mailbox, "move:") && !mailbox.empty()) {
    policy->set_deletion(v1::Pop3Policy::DELETION_MOVE);
    policy->set_move_to(std::string(mailbox));
  } else {
    return UsageError(absl::StrCat("--deletion: '", text,
                                   "' is none of expunge, hide, move and move:MAILBOX"));
  }
  return absl::OkStatus();
}

absl::StatusOr<google::protobuf::Duration> ParsePeriod(absl::string_view option,
                                                       const std::string& text,
                                                       absl::string_view nothing) {
  google::protobuf::Duration period;
  if (text == nothing) return period;
  const std::optional<absl::Duration> duration = ParseConfigDuration(text);
  if (!duration) {
    return UsageError(absl::StrCat(option, ": '", text,
                                   "' is no duration: give such as 30d or 12h, or ", nothing));
  }
  const int64_t seconds = absl::ToInt64Seconds(*duration);
  period.set_seconds(seconds);
  period.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(*duration - absl::Seconds(seconds))));
  return period;
}

std::string FormatField(const v1::Pop3Policy& policy, absl::string_view field) {
  if (field == "deletion") return DeletionWord(policy.deletion());
  if (field == "move_to") return policy.move_to();
  if (field == "expire_retrieved") {
    return FormatPeriod(policy.has_expire_retrieved(), policy.expire_retrieved(), "never");
  }
  if (field == "expire_arrived") {
    return FormatPeriod(policy.has_expire_arrived(), policy.expire_arrived(), "never");
  }
  return FormatPeriod(policy.has_login_delay(), policy.login_delay(), "none");
}

Json ToJson(const v1::Pop3Policy& policy) {
  Json json = Json::object();
  for (const PolicyField& field : PolicyFields()) {
    const std::string value = FormatField(policy, field.name);
    if (!value.empty()) json[field.name] = value;
  }
  return json;
}

}  // namespace restante::ctl
