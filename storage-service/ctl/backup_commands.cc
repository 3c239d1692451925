#include "storage-service/ctl/backup_commands.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/grpc_status.h"
#include "restante/v1/admin.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/table.h"
#include "storage-service/ctl/undelete_commands.h"
#include "storage-service/ctl/verb.h"
#include "storage-service/engine/backup_directory.h"

namespace restante::ctl {
namespace {

struct BackupOptions {
  std::string directory;  // empty: the running service's
  uint32_t id = 0;        // 0: the newest
  uint32_t keep = 0;
};

struct RestoreOptions {
  std::string backup;
  std::string to;
  std::string address;
  std::string mailbox;
  uint32_t id = 0;
  std::string at;
};

v1::Backup AsBackup(const engine::BackupInfo& backup) {
  v1::Backup out;
  out.set_backup_id(backup.id);
  out.mutable_taken()->set_seconds(absl::ToUnixSeconds(backup.taken));
  out.set_octets(backup.octets);
  out.set_files(backup.files);
  return out;
}

std::string Describe(const v1::Backup& backup) {
  return absl::StrCat("backup ", backup.backup_id(), " of ", FormatTime(backup.taken()));
}

// What works on a directory has errors of the disk's, never of a connection.
absl::Status OfDirectory(const absl::Status& status) {
  return status.ok() ? status : RefusedError(status.message());
}

// The moment that --at names; nothing without it.
absl::StatusOr<std::optional<absl::Time>> ParseAt(const std::string& at) {
  if (at.empty()) return std::optional<absl::Time>();
  const std::optional<absl::Time> time = ParseSince(at, absl::Now());
  if (time.has_value()) return time;
  return UsageError(absl::StrCat("--at: '", at,
                                 "' is no time: give such as 2026-01-31T12:00:00Z, or 3d for "
                                 "three days ago"));
}

absl::Status Create(const Session& session, const BackupOptions& /*options*/) {
  v1::CreateBackupResponse response;
  const auto context = session.LongCall();
  const absl::Status status =
      FromGrpcStatus(v1::AdminService::NewStub(session.channel())
                         ->CreateBackup(context.get(), v1::CreateBackupRequest(), &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(ToJson(response.backup()));
  } else {
    session.out() << "Made " << Describe(response.backup()) << ": "
                  << FormatOctets(response.backup().octets()) << " octets in "
                  << response.backup().files() << " files.\n";
  }
  return absl::OkStatus();
}

absl::Status List(const Session& session, const BackupOptions& options) {
  v1::ListBackupsResponse response;
  if (options.directory.empty()) {
    const auto context = session.ShortCall();
    const absl::Status status =
        FromGrpcStatus(v1::AdminService::NewStub(session.channel())
                           ->ListBackups(context.get(), v1::ListBackupsRequest(), &response));
    if (!status.ok()) return status;
  } else {
    const auto backups = engine::ListBackups(options.directory);
    if (!backups.ok()) return OfDirectory(backups.status());
    for (const engine::BackupInfo& backup : *backups) {
      *response.add_backups() = AsBackup(backup);
    }
  }
  Json json = Json::array();
  Table table({{"ID", Table::Align::kRight},
               {"TAKEN"},
               {"OCTETS", Table::Align::kRight},
               {"FILES", Table::Align::kRight}});
  for (const v1::Backup& backup : response.backups()) {
    json.push_back(ToJson(backup));
    table.Add({absl::StrCat(backup.backup_id()), FormatTime(backup.taken()),
               FormatOctets(backup.octets()), absl::StrCat(backup.files())});
  }
  if (session.json()) {
    session.PrintJson({{"backups", std::move(json)}});
  } else {
    table.Print(session.out());
  }
  return absl::OkStatus();
}

absl::Status Verify(const Session& session, const BackupOptions& options) {
  engine::BackupChoice choice;
  if (options.id != 0) choice.id = options.id;
  const auto backup = engine::FindBackup(options.directory, choice);
  if (!backup.ok()) return OfDirectory(backup.status());
  const absl::Status sound = engine::VerifyBackup(options.directory, backup->id);
  if (!sound.ok()) return OfDirectory(sound);
  if (session.json()) {
    session.PrintJson(ToJson(AsBackup(*backup)));
  } else {
    session.out() << "All " << backup->files << " files of " << Describe(AsBackup(*backup))
                  << " are sound.\n";
  }
  return absl::OkStatus();
}

absl::Status Prune(const Session& session, const BackupOptions& options) {
  v1::PruneBackupsRequest request;
  request.set_keep(options.keep);
  v1::PruneBackupsResponse response;
  const auto context = session.LongCall();
  const absl::Status status =
      FromGrpcStatus(v1::AdminService::NewStub(session.channel())
                         ->PruneBackups(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson({{"removed", response.removed()}});
  } else {
    session.out() << "Removed " << response.removed() << " backups.\n";
  }
  return absl::OkStatus();
}

absl::Status RestoreStore(const Session& session, const RestoreOptions& options) {
  engine::BackupChoice choice;
  if (options.id != 0) choice.id = options.id;
  const absl::StatusOr<std::optional<absl::Time>> before = ParseAt(options.at);
  if (!before.ok()) return before.status();
  choice.before = *before;
  const auto backup = engine::FindBackup(options.backup, choice);
  if (!backup.ok()) return OfDirectory(backup.status());
  const absl::Status restored = engine::RestoreBackup(options.backup, backup->id, options.to);
  if (!restored.ok()) return OfDirectory(restored);
  if (session.json()) {
    session.PrintJson(ToJson(AsBackup(*backup)));
  } else {
    session.out() << "Restored " << Describe(AsBackup(*backup)) << " to "
                  << Printable(options.to)
                  << ". When a service opens it, mailboxes get new UIDVALIDITYs and keep "
                     "their UIDLs.\n";
  }
  return absl::OkStatus();
}

absl::Status ShowRestored(const Session& session, const v1::RestoreAccountResponse& response) {
  Json json = Json::array();
  Table table({{"MAILBOX"},
               {"RESTORED", Table::Align::kRight},
               {"THERE ALREADY", Table::Align::kRight},
               {"NEW UIDLS", Table::Align::kRight},
               {"UNREADABLE", Table::Align::kRight}});
  uint64_t unreadable = 0;
  for (const v1::RestoredMailbox& mailbox : response.mailboxes()) {
    unreadable += mailbox.unreadable_size();
    json.push_back({{"name", mailbox.name()},
                    {"uidvalidity", mailbox.uidvalidity()},
                    {"restored", mailbox.restored()},
                    {"present", mailbox.present()},
                    {"uidls_replaced", mailbox.uidls_replaced()},
                    {"unreadable", std::vector<uint32_t>(mailbox.unreadable().begin(),
                                                         mailbox.unreadable().end())}});
    table.Add({Printable(mailbox.name()), absl::StrCat(mailbox.restored()),
               absl::StrCat(mailbox.present()), absl::StrCat(mailbox.uidls_replaced()),
               absl::StrCat(mailbox.unreadable_size())});
  }
  if (session.json()) {
    session.PrintJson({{"backup", ToJson(response.backup())},
                       {"account_made", response.account_made()},
                       {"mailboxes", std::move(json)}});
  } else {
    session.out() << "From " << Describe(response.backup())
                  << (response.account_made() ? "; the account is there again" : "") << ":\n";
    table.Print(session.out());
  }
  if (unreadable == 0) return absl::OkStatus();
  return RefusedError(absl::StrCat(unreadable, " messages can't be read in the backup"));
}

absl::Status RestoreAccount(const Session& session, const RestoreOptions& options) {
  v1::RestoreAccountRequest request;
  request.set_address(options.address);
  request.set_mailbox(options.mailbox);
  const absl::StatusOr<std::optional<absl::Time>> before = ParseAt(options.at);
  if (!before.ok()) return before.status();
  if (options.id != 0) request.set_backup_id(options.id);
  if (before->has_value()) {
    request.mutable_before()->set_seconds(absl::ToUnixSeconds(**before));
  }
  v1::RestoreAccountResponse response;
  const auto context = session.LongCall();
  const absl::Status status =
      FromGrpcStatus(v1::AdminService::NewStub(session.channel())
                         ->RestoreAccount(context.get(), request, &response));
  if (!status.ok()) return status;
  return ShowRestored(session, response);
}

void AddChoice(CLI::App* verb, const std::shared_ptr<RestoreOptions>& options) {
  CLI::Option* id = verb->add_option("--id", options->id, "This backup (default: the newest)");
  verb->add_option("--at", options->at,
                   "The newest backup that was taken by then: 2026-01-31T12:00:00Z, or 3d for "
                   "three days ago")
      ->type_name("TIME")
      ->excludes(id);
}

}  // namespace

void AddBackupCommands(CLI::App* app, Action* action) {
  CLI::App* backup = app->add_subcommand(
      "backup", "Copies of the whole store, made while it is in use; see backup.directory");
  backup->require_subcommand(1);
  const auto options = std::make_shared<BackupOptions>();
  AddVerb(backup, "create",
          "Make one. Only files that no earlier one has are copied; all that was acknowledged\n"
          "before is in it.",
          action, options, Create);
  CLI::App* list = AddVerb(backup, "list", "List the backups", action, options, List);
  list->add_option("--directory", options->directory,
                   "Where they are, in place of asking the service");
  CLI::App* verify =
      AddVerb(backup, "verify",
              "Read all files of a backup and compare their checksums. Works on the directory.",
              action, options, Verify);
  verify->add_option("--directory", options->directory, "Where the backups are")->required();
  verify->add_option("--id", options->id, "This one (default: the newest)");
  CLI::App* prune =
      AddVerb(backup, "prune", "Remove the oldest backups", action, options, Prune);
  prune->add_option("--keep", options->keep, "How many stay")
      ->required()
      ->check(CLI::PositiveNumber);

  CLI::App* restore = app->add_subcommand("restore", "Bring mail back out of a backup");
  restore->require_subcommand(1);
  const auto what = std::make_shared<RestoreOptions>();
  CLI::App* store = AddVerb(restore, "store",
                            "Make a whole store of a backup, in an empty directory. No service "
                            "is needed. Its\nmailboxes get new UIDVALIDITYs, and keep their "
                            "UIDLs.",
                            action, what, RestoreStore);
  store->add_option("--backup", what->backup, "Where the backups are")->required();
  store->add_option("--to", what->to, "The data_dir to be")->required();
  AddChoice(store, what);
  CLI::App* account = AddAccountVerb(
      restore, "account",
      "Bring back what an account's mailboxes had and don't have any more, into the running\n"
      "service; the account itself too, if it is gone. UIDLs, dates and flags are kept.",
      action, what, RestoreAccount);
  account->add_option("--mailbox", what->mailbox, "This one only (default: all)");
  AddChoice(account, what);
}

}  // namespace restante::ctl
