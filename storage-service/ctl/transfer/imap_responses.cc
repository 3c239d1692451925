#include "storage-service/ctl/transfer/imap_responses.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"

namespace restante::ctl {
namespace {

std::string FlagName(const mailimap_flag_fetch* fetched) {
  if (fetched->fl_type != MAILIMAP_FLAG_FETCH_OTHER || fetched->fl_flag == nullptr) return "";
  const mailimap_flag& flag = *fetched->fl_flag;
  switch (flag.fl_type) {
    case MAILIMAP_FLAG_ANSWERED:
      return "\\Answered";
    case MAILIMAP_FLAG_FLAGGED:
      return "\\Flagged";
    case MAILIMAP_FLAG_DELETED:
      return "\\Deleted";
    case MAILIMAP_FLAG_SEEN:
      return "\\Seen";
    case MAILIMAP_FLAG_DRAFT:
      return "\\Draft";
    case MAILIMAP_FLAG_KEYWORD:
      return flag.fl_data.fl_keyword;
    default:
      return absl::StrCat("\\", absl::StripPrefix(flag.fl_data.fl_extension, "\\"));
  }
}

absl::Time TimeOf(const mailimap_date_time& date) {
  const int minutes = std::abs(date.dt_zone) / 100 * 60 + std::abs(date.dt_zone) % 100;
  const int seconds = (date.dt_zone < 0 ? -minutes : minutes) * 60;
  return absl::FromCivil(absl::CivilSecond(date.dt_year, date.dt_month, date.dt_day,
                                           date.dt_hour, date.dt_min, date.dt_sec),
                         absl::FixedTimeZone(seconds));
}

}  // namespace

std::vector<std::string> AttributesOf(const mailimap_mbx_list_flags* flags) {
  std::vector<std::string> attributes;
  if (flags == nullptr) return attributes;
  if (flags->mbf_type == MAILIMAP_MBX_LIST_FLAGS_SFLAG &&
      flags->mbf_sflag == MAILIMAP_MBX_LIST_SFLAG_NOSELECT) {
    attributes.emplace_back("\\NoSelect");
  }
  ForEach<mailimap_mbx_list_oflag>(flags->mbf_oflags, [&](const mailimap_mbx_list_oflag* flag) {
    if (flag->of_flag_ext == nullptr) return;
    const absl::string_view name = flag->of_flag_ext;
    attributes.push_back(absl::StrCat(absl::StartsWith(name, "\\") ? "" : "\\", name));
  });
  return attributes;
}

FetchedMessage ReadFetch(const mailimap_msg_att* response) {
  FetchedMessage fetched;
  ForEach<mailimap_msg_att_item>(response->att_list, [&](const mailimap_msg_att_item* item) {
    if (item->att_type == MAILIMAP_MSG_ATT_ITEM_DYNAMIC && item->att_data.att_dyn != nullptr) {
      ForEach<mailimap_flag_fetch>(item->att_data.att_dyn->att_list,
                                   [&](const mailimap_flag_fetch* flag) {
                                     std::string name = FlagName(flag);
                                     if (name.empty()) return;
                                     fetched.message.flags.push_back(std::move(name));
                                   });
    }
    if (item->att_type != MAILIMAP_MSG_ATT_ITEM_STATIC) return;
    const mailimap_msg_att_static& value = *item->att_data.att_static;
    if (value.att_type == MAILIMAP_MSG_ATT_UID) fetched.message.uid = value.att_data.att_uid;
    if (value.att_type == MAILIMAP_MSG_ATT_RFC822_SIZE) {
      fetched.message.octets = value.att_data.att_rfc822_size;
    }
    if (value.att_type == MAILIMAP_MSG_ATT_INTERNALDATE &&
        value.att_data.att_internal_date != nullptr) {
      fetched.message.internal_date = TimeOf(*value.att_data.att_internal_date);
    }
    if (value.att_type == MAILIMAP_MSG_ATT_BODY_SECTION) {
      fetched.body = value.att_data.att_body_section;
    }
  });
  return fetched;
}

}  // namespace restante::ctl
