#include "storage-service/ctl/undelete_commands.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/config_values.h"
#include "common/grpc_status.h"
#include "restante/v1/mailboxes.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/table.h"
#include "storage-service/ctl/verb.h"

namespace restante::ctl {
namespace {

using v1::MailboxesService;

// The most that the contract allows in one call.
constexpr size_t kUidsPerCall = 10'000;

struct UndeleteOptions {
  std::string address;
  std::string mailbox;
  std::vector<uint32_t> uids;
  bool all = false;
  std::string since;
};

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::StatusOr<absl::Time> SinceOf(const UndeleteOptions& options) {
  if (options.since.empty()) return absl::InfinitePast();
  const std::optional<absl::Time> since = ParseSince(options.since, absl::Now());
  if (since) return *since;
  return UsageError(absl::StrCat("--since: '", options.since,
                                 "' is no time: give such as 2026-01-31T12:00:00Z, "
                                 "2026-01-31, or 2h for two hours ago"));
}

struct DeletedMessage {
  v1::MessageRow row;
  absl::Time when = absl::InfinitePast();  // InfinitePast: that isn't known
  bool hidden = false;                     // from POP3; otherwise expunged
};
using Take = std::function<void(const DeletedMessage&)>;

absl::Status ForEachExpunged(const Session& session, MailboxesService::Stub* stub,
                             const UndeleteOptions& options, absl::Time since,
                             const Take& take) {
  v1::ListExpungedRequest request;
  request.set_address(options.address);
  request.set_mailbox(options.mailbox);
  for (bool end = false; !end;) {
    v1::ListExpungedResponse page;
    const auto context = session.ShortCall();
    const absl::Status status =
        FromGrpcStatus(stub->ListExpunged(context.get(), request, &page));
    if (!status.ok()) return status;
    for (const v1::ExpungedMessage& message : page.messages()) {
      request.set_after_modseq(message.row().modseq());
      request.set_after_uid(message.row().uid());
      const absl::Time when = ToTime(message.expunged());
      if (when >= since) take({message.row(), when, false});
    }
    end = page.end() || page.messages().empty();
  }
  return absl::OkStatus();
}

absl::Status ForEachHidden(const Session& session, MailboxesService::Stub* stub,
                           const UndeleteOptions& options, absl::Time since, const Take& take) {
  v1::ListMessagesRequest request;
  request.set_address(options.address);
  request.set_mailbox(options.mailbox);
  for (bool end = false; !end;) {
    v1::ListMessagesResponse page;
    const auto context = session.ShortCall();
    const absl::Status status =
        FromGrpcStatus(stub->ListMessages(context.get(), request, &page));
    if (!status.ok()) return status;
    for (const v1::MessageRow& row : page.rows()) {
      request.set_after_uid(row.uid());
      const absl::Time when = row.has_hidden() ? ToTime(row.hidden()) : absl::InfinitePast();
      if (row.hidden_from_pop3() && when >= since) take({row, when, true});
    }
    end = page.end() || page.rows().empty();
  }
  return absl::OkStatus();
}

// All that can be brought back and was deleted since then.
absl::Status ForEachDeleted(const Session& session, const UndeleteOptions& options,
                            const Take& take) {
  const absl::StatusOr<absl::Time> since = SinceOf(options);
  if (!since.ok()) return since.status();
  const auto stub = MailboxesService::NewStub(session.channel());
  const absl::Status status = ForEachExpunged(session, stub.get(), options, *since, take);
  if (!status.ok()) return status;
  return ForEachHidden(session, stub.get(), options, *since, take);
}

absl::Status Deleted(const Session& session, const UndeleteOptions& options) {
  Json messages = Json::array();
  Table table({{"UID", Table::Align::kRight},
               {"SIZE", Table::Align::kRight},
               {"RECEIVED"},
               {"DELETED"},
               {"HOW"},
               {"UIDL"}});
  const absl::Status listed =
      ForEachDeleted(session, options, [&](const DeletedMessage& message) {
        const v1::MessageRow& row = message.row;
        const bool known = message.when > absl::InfinitePast();
        if (session.json()) {
          Json json = ToJson(row);
          json["deleted"] = known ? Json(FormatTime(message.when)) : Json();
          json["how"] = message.hidden ? "hidden" : "expunged";
          messages.push_back(std::move(json));
        } else {
          table.Add({absl::StrCat(row.uid()), FormatOctets(row.octets()),
                     FormatTime(row.internal_date()), known ? FormatTime(message.when) : "-",
                     message.hidden ? "hidden" : "expunged", row.uidl()});
        }
      });
  if (!listed.ok()) return listed;
  if (session.json()) {
    session.PrintJson({{"messages", std::move(messages)}});
  } else {
    table.Print(session.out());
  }
  return absl::OkStatus();
}

absl::Status Undelete(const Session& session, const UndeleteOptions& options) {
  if (options.all + !options.since.empty() + !options.uids.empty() != 1) {
    return UsageError("give one of: UIDs, --since TIME, --all");
  }
  std::vector<uint32_t> uids = options.uids;
  if (uids.empty()) {
    const absl::Status listed = ForEachDeleted(
        session, options,
        [&uids](const DeletedMessage& message) { uids.push_back(message.row.uid()); });
    if (!listed.ok()) return listed;
    // Their old order is the order in which they come back.
    std::sort(uids.begin(), uids.end());
  }

  const auto stub = MailboxesService::NewStub(session.channel());
  Json undeleted = Json::array();
  absl::Status failure;
  for (size_t begin = 0; begin < uids.size() && failure.ok(); begin += kUidsPerCall) {
    v1::UndeleteMessagesRequest request;
    request.set_address(options.address);
    request.set_mailbox(options.mailbox);
    const size_t end = std::min(uids.size(), begin + kUidsPerCall);
    for (size_t i = begin; i < end; ++i) request.add_uids(uids[i]);
    v1::UndeleteMessagesResponse response;
    const auto context = session.LongCall();
    failure = FromGrpcStatus(stub->UndeleteMessages(context.get(), request, &response));
    for (const v1::UndeletedMessage& message : response.messages()) {
      if (session.json()) {
        undeleted.push_back({{"old_uid", message.old_uid()},
                             {"new_uid", message.new_uid()},
                             {"uidl", message.uidl()}});
      } else {
        session.out() << "UID " << message.old_uid() << " is back as UID " << message.new_uid()
                      << ", UIDL " << Printable(message.uidl()) << '\n';
      }
    }
  }
  if (session.json()) {
    session.PrintJson({{"undeleted", std::move(undeleted)}});
  } else if (uids.empty()) {
    session.out() << "There is nothing to bring back.\n";
  }
  return failure;
}

CLI::App* AddDeletedVerb(CLI::App* messages, const char* name, const char* what, Action* action,
                         const std::shared_ptr<UndeleteOptions>& options,
                         absl::Status (*run)(const Session&, const UndeleteOptions&)) {
  CLI::App* verb = AddAccountVerb(messages, name, what, action, options, run);
  verb->add_option("--mailbox", options->mailbox, "The mailbox (default: INBOX)")
      ->type_name("NAME");
  verb->add_option("--since", options->since,
                   "Only what was deleted at this time or later, such as 2026-01-31T12:00:00Z, "
                   "2026-01-31, or 2h for two hours ago")
      ->type_name("TIME");
  return verb;
}

}  // namespace

void AddUndeleteCommands(CLI::App* messages, Action* action) {
  const auto options = std::make_shared<UndeleteOptions>();
  AddDeletedVerb(messages, "deleted",
                 "List the deleted messages of a mailbox that can be brought back", action,
                 options, Deleted);
  CLI::App* undelete = AddDeletedVerb(
      messages, "undelete",
      "Bring deleted messages back, with their UIDL and date, under new UIDs; those that\n"
      "policy hides from POP3 too.\n"
      "All that are named come back, or none; with --all and --since, in steps of 10000.",
      action, options, Undelete);
  undelete->add_option("UID", options->uids, "UIDs, as `messages deleted` shows them")
      ->check(CLI::Range(uint32_t{1}, UINT32_MAX));
  undelete->add_flag("--all", options->all, "All that can be brought back");
}

std::optional<absl::Time> ParseSince(const std::string& text, absl::Time now) {
  absl::Time time;
  for (const char* format :
       {absl::RFC3339_full, "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    if (absl::ParseTime(format, text, absl::UTCTimeZone(), &time, nullptr)) return time;
  }
  const std::optional<absl::Duration> ago = ParseConfigDuration(text);
  if (ago) return now - *ago;
  return std::nullopt;
}

}  // namespace restante::ctl
