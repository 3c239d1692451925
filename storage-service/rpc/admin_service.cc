#include "storage-service/rpc/admin_service.h"

#include <memory>
#include <utility>

#include "common/errors.h"
#include "common/program.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/finding_queue.h"
#include "storage-service/rpc/stream_call.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {
namespace {

// Ends with the scan, also when the client has gone before.
Task<absl::Status> Verify(ServiceContext* context, v1::VerifyRequest* request,
                          ResponseWriter<v1::VerifyResponse>* writer) {
  if (request->expunge_unreadable() && !request->repair()) {
    co_return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                        "expunge_unreadable: only a repair expunges");
  }
  const auto findings = std::make_shared<FindingQueue>();
  Spawn<absl::StatusOr<store::VerifySummary>>(
      context->store.Verify(
          {request->read_bodies(), request->repair(), request->expunge_unreadable()},
          [findings](store::VerifyFinding finding) { findings->Report(std::move(finding)); }),
      [findings](absl::StatusOr<store::VerifySummary> summary) {
        findings->End(std::move(summary));
      });
  bool gone = false;
  for (;;) {
    auto item = co_await findings->Next();
    if (!item.has_value()) break;
    if (gone) continue;
    writer->StartWrite(*item);
    const bool written = co_await Written(writer);
    if (written) continue;
    gone = true;
    findings->Discard();
  }
  co_return findings->status();
}

Task<absl::Status> GetStats(ServiceContext* context, v1::GetStatsRequest* /*request*/,
                            v1::GetStatsResponse* response) {
  auto& values = *response->mutable_values();
  for (const auto& [name, value] : context->store.Stats()) values[name] = value;
  for (const auto& [name, value] : context->counters.Values()) values[name] = value;
  for (const auto& [name, value] : context->delivery_load.Values()) values[name] = value;
  response->set_version(kVersion);
  co_return absl::OkStatus();
}

Task<absl::Status> CreateBackup(ServiceContext* context, v1::CreateBackupRequest* /*request*/,
                                v1::CreateBackupResponse* response) {
  const auto backup = co_await context->store.CreateBackup();
  if (!backup.ok()) co_return backup.status();
  ToProto(*backup, response->mutable_backup());
  co_return absl::OkStatus();
}

Task<absl::Status> ListBackups(ServiceContext* context, v1::ListBackupsRequest* /*request*/,
                               v1::ListBackupsResponse* response) {
  const auto backups = co_await context->store.ListBackups();
  if (!backups.ok()) co_return backups.status();
  for (const engine::BackupInfo& backup : *backups) ToProto(backup, response->add_backups());
  co_return absl::OkStatus();
}

Task<absl::Status> PruneBackups(ServiceContext* context, v1::PruneBackupsRequest* request,
                                v1::PruneBackupsResponse* response) {
  if (request->keep() == 0) co_return InvalidRequest("keep: at least 1 backup stays");
  const auto removed = co_await context->store.PruneBackups(request->keep());
  if (!removed.ok()) co_return removed.status();
  response->set_removed(*removed);
  co_return absl::OkStatus();
}

Task<absl::Status> RestoreAccount(ServiceContext* context, v1::RestoreAccountRequest* request,
                                  v1::RestoreAccountResponse* response) {
  engine::BackupChoice choice;
  if (request->has_backup_id()) choice.id = request->backup_id();
  if (request->has_before()) {
    choice.before = absl::FromUnixSeconds(request->before().seconds());
  }
  const auto summary =
      co_await context->store.RestoreAccount(choice, request->address(), request->mailbox());
  if (!summary.ok()) co_return summary.status();
  ToProto(summary->backup, response->mutable_backup());
  response->set_account_made(summary->account_made);
  for (const store::RestoredMailbox& mailbox : summary->mailboxes) {
    v1::RestoredMailbox& out = *response->add_mailboxes();
    out.set_name(mailbox.name);
    out.set_uidvalidity(mailbox.uidvalidity);
    out.set_restored(mailbox.restored);
    out.set_present(mailbox.present);
    out.set_uidls_replaced(mailbox.uidls_replaced);
    out.mutable_unreadable()->Assign(mailbox.unreadable.begin(), mailbox.unreadable.end());
  }
  co_return absl::OkStatus();
}

}  // namespace

void AdminService::Serve(ServiceContext& context) {
  using Methods = v1::AdminService::AsyncService;
  ServeStream(context, methods_, &Methods::RequestVerify, "Verify", Verify);
  ServeUnary(context, methods_, &Methods::RequestGetStats, "GetStats", GetStats);
  ServeUnary(context, methods_, &Methods::RequestCreateBackup, "CreateBackup", CreateBackup);
  ServeUnary(context, methods_, &Methods::RequestListBackups, "ListBackups", ListBackups);
  ServeUnary(context, methods_, &Methods::RequestPruneBackups, "PruneBackups", PruneBackups);
  ServeUnary(context, methods_, &Methods::RequestRestoreAccount, "RestoreAccount",
             RestoreAccount);
}

}  // namespace restante::rpc
