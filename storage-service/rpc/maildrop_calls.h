// The operations of MaildropService, once for both ways in which they come: in the
// messages of Exchange and as unary calls (with kUnaryLease).
//
// Requests and responses stay where they are until the task is complete; strings
// of the request are moved out. The response is filled in only on success.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "restante/v1/maildrop.pb.h"
#include "storage-service/async/task.h"
#include "storage-service/store/maildrops.h"

namespace restante::rpc {

// `pending`: by which it can be given up.
Task<absl::Status> Login(store::Maildrops* maildrops, store::LeaseId lease,
                         v1::LoginRequest* request, v1::LoginResponse* response,
                         std::shared_ptr<store::PendingLogin> pending);
Task<absl::Status> Open(store::Maildrops* maildrops, store::LeaseId lease,
                        v1::OpenRequest* request, v1::OpenResponse* response,
                        std::shared_ptr<store::PendingLogin> pending);
Task<absl::Status> Rows(store::Maildrops* maildrops, v1::RowsRequest* request,
                        v1::RowsResponse* response);
Task<absl::Status> Commit(store::Maildrops* maildrops, v1::CommitRequest* request,
                          v1::CommitResponse* response);

Task<absl::Status> MarkRetrieved(store::Maildrops* maildrops,
                                 v1::MarkRetrievedRequest* request);

// Frees the maildrop before anything else, on the calling thread.
Task<absl::Status> Close(store::Maildrops* maildrops, v1::CloseRequest* request);

}  // namespace restante::rpc
