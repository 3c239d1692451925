// One ImportAccounts call: gathers the entries of all its requests, in bounded
// memory, and hands them to the store at once, since either all are made or none.
// A call that breaks off in the middle imports nothing.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "restante/v1/accounts.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

// The most that one import may bring.
inline constexpr size_t kMostImportEntries = 1'000'000;
inline constexpr size_t kMostImportOctets = size_t{256} << 20;

// Deletes itself when the call is over.
class ImportCall final : public grpc::ServerReadReactor<v1::ImportAccountsRequest> {
 public:
  ImportCall(ServiceContext& context, v1::ImportAccountsResponse* response);

  void OnReadDone(bool ok) override;
  void OnSendInitialMetadataDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  void End(const absl::Status& status);
  void Answer(absl::StatusOr<store::ImportReport> report);

  ServiceContext& context_;
  const WorkTracker::Hold hold_;
  v1::ImportAccountsResponse* const response_;
  v1::ImportAccountsRequest request_;
  std::vector<store::NewAccount> accounts_;
  size_t octets_ = 0;
};

}  // namespace restante::rpc
