// One ImportAccounts call: gathers the entries of all its requests, in bounded
// memory, and hands them to the store at once, since either all are made or none.
// A call that breaks off in the middle imports nothing.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "restante/v1/accounts.grpc.pb.h"
#include "storage-service/rpc/completion_thread.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

// The most that one import may bring.
inline constexpr size_t kMostImportEntries = 1'000'000;
inline constexpr size_t kMostImportOctets = size_t{256} << 20;

class ImportCall {
 public:
  // Takes imports for as long as the server runs.
  static void Serve(ServiceContext& context, v1::AccountsService::AsyncService& methods);

 private:
  ImportCall(ServiceContext& context, v1::AccountsService::AsyncService& methods);

  void OnCall(bool ok);
  void OnRead(bool ok);
  void OnMetadataSent(bool ok);
  // gRPC has given the last tag back: the object goes.
  void OnFinished(bool /*ok*/) { delete this; }

  // The call may be gone when this returns.
  void End(const absl::StatusOr<store::ImportReport>& report);

  WorkTracker::Hold hold_;  // released last
  ServiceContext& context_;
  v1::AccountsService::AsyncService& methods_;
  grpc::ServerContext call_;
  grpc::ServerAsyncReader<v1::ImportAccountsResponse, v1::ImportAccountsRequest> stream_;
  MemberCompletion<ImportCall> call_tag_{this, &ImportCall::OnCall};
  MemberCompletion<ImportCall> read_tag_{this, &ImportCall::OnRead};
  MemberCompletion<ImportCall> metadata_tag_{this, &ImportCall::OnMetadataSent};
  MemberCompletion<ImportCall> finished_tag_{this, &ImportCall::OnFinished};
  v1::ImportAccountsRequest request_;
  std::vector<store::NewAccount> accounts_;
  size_t octets_ = 0;
};

}  // namespace restante::rpc
