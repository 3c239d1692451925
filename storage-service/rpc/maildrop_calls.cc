#include "storage-service/rpc/maildrop_calls.h"

#include <utility>

#include "storage-service/rpc/convert.h"

namespace restante::rpc {
namespace {

constexpr uint32_t kMostFirstRows = 64;

template <typename Response>
absl::Status Answer(absl::StatusOr<store::OpenedMaildrop> opened, Response* response) {
  if (!opened.ok()) return opened.status();
  ToProto(*std::move(opened), response->mutable_session(), response->mutable_rows());
  return absl::OkStatus();
}

}  // namespace

Task<absl::Status> Login(store::Maildrops* maildrops, store::LeaseId lease,
                         v1::LoginRequest* request, v1::LoginResponse* response,
                         std::shared_ptr<store::PendingLogin> pending) {
  const absl::StatusOr<uint32_t> rows =
      Limit("first_rows", request->first_rows(), 0, kMostFirstRows);
  if (!rows.ok()) co_return rows.status();
  store::LoginCredentials credentials;
  credentials.address = std::move(*request->mutable_address());
  credentials.password = std::move(*request->mutable_password());
  for (std::string& certificate : *request->mutable_client_certificates()) {
    credentials.client_certificates.push_back(std::move(certificate));
  }
  store::ClientInfo client = FromProto(request->client());
  absl::StatusOr<store::SessionOptions> options = FromProto(request->options());
  if (!options.ok()) co_return options.status();
  options->pending = std::move(pending);
  auto opened = co_await maildrops->Login(lease, std::move(credentials), std::move(client),
                                          *rows, *std::move(options));
  co_return Answer(std::move(opened), response);
}

Task<absl::Status> Open(store::Maildrops* maildrops, store::LeaseId lease,
                        v1::OpenRequest* request, v1::OpenResponse* response,
                        std::shared_ptr<store::PendingLogin> pending) {
  const absl::StatusOr<uint32_t> rows =
      Limit("first_rows", request->first_rows(), 0, kMostFirstRows);
  if (!rows.ok()) co_return rows.status();
  std::string token = std::move(*request->mutable_auth_token());
  store::ClientInfo client = FromProto(request->client());
  absl::StatusOr<store::SessionOptions> options = FromProto(request->options());
  if (!options.ok()) co_return options.status();
  options->pending = std::move(pending);
  auto opened = co_await maildrops->Open(lease, std::move(token), std::move(client), *rows,
                                         *std::move(options));
  co_return Answer(std::move(opened), response);
}

Task<absl::Status> Rows(store::Maildrops* maildrops, v1::RowsRequest* request,
                        v1::RowsResponse* response) {
  const absl::StatusOr<uint32_t> limit = Limit("limit", request->limit(), 1024, 4096);
  if (!limit.ok()) co_return limit.status();
  std::string token = std::move(*request->mutable_session_token());
  auto page = co_await maildrops->Rows(std::move(token), request->after_uid(), *limit);
  if (!page.ok()) co_return page.status();
  ToProto(*std::move(page), response);
  co_return absl::OkStatus();
}

Task<absl::Status> Commit(store::Maildrops* maildrops, v1::CommitRequest* request,
                          v1::CommitResponse* response) {
  std::string token = std::move(*request->mutable_session_token());
  std::vector<store::UidRange> uids = FromProto(request->delete_uids());
  std::vector<store::UidRange> retrieved = FromProto(request->retrieved_uids());
  auto deleted = co_await maildrops->Commit(std::move(token), std::move(uids),
                                            std::move(retrieved), request->close());
  if (!deleted.ok()) co_return deleted.status();
  response->set_deleted(*deleted);
  co_return absl::OkStatus();
}

Task<absl::Status> MarkRetrieved(store::Maildrops* maildrops,
                                 v1::MarkRetrievedRequest* request) {
  std::string token = std::move(*request->mutable_session_token());
  std::vector<store::UidRange> retrieved = FromProto(request->retrieved_uids());
  absl::Status marked =
      co_await maildrops->MarkRetrieved(std::move(token), std::move(retrieved));
  co_return marked;
}

Task<absl::Status> Close(store::Maildrops* maildrops, v1::CloseRequest* request) {
  std::string token = std::move(*request->mutable_session_token());
  std::vector<store::UidRange> retrieved = FromProto(request->retrieved_uids());
  absl::Status closed = co_await maildrops->Close(std::move(token), std::move(retrieved));
  co_return closed;
}

}  // namespace restante::rpc
