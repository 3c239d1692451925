// A storage service for tests of its client: it notes what it is asked and answers
// what it is told.
#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "restante/v1/accounts.grpc.pb.h"
#include "restante/v1/admin.grpc.pb.h"
#include "restante/v1/delivery.grpc.pb.h"
#include "restante/v1/mailboxes.grpc.pb.h"

namespace restante::ctl {

// Set what it answers before the call, read what it was asked after it.
class FakeService : public v1::AccountsService::Service,
                    public v1::DeliveryService::Service,
                    public v1::MailboxesService::Service,
                    public v1::AdminService::Service {
 public:
  FakeService() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(static_cast<v1::AccountsService::Service*>(this));
    builder.RegisterService(static_cast<v1::DeliveryService::Service*>(this));
    builder.RegisterService(static_cast<v1::MailboxesService::Service*>(this));
    builder.RegisterService(static_cast<v1::AdminService::Service*>(this));
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~FakeService() override { server_->Shutdown(); }

  const std::string& address() const { return address_; }

  absl::Status failure;  // of every call

  v1::CreateAccountRequest created;
  grpc::Status CreateAccount(grpc::ServerContext*, const v1::CreateAccountRequest* request,
                             v1::CreateAccountResponse* response) override {
    created = *request;
    response->mutable_account()->set_address(request->address());
    response->mutable_account()->set_quota_octets(request->quota_octets());
    return ToGrpcStatus(failure);
  }

  grpc::Status GetAccount(grpc::ServerContext*, const v1::GetAccountRequest* request,
                          v1::GetAccountResponse* response) override {
    *response->mutable_account() = shown;
    response->mutable_account()->set_address(request->address());
    return ToGrpcStatus(failure);
  }
  v1::Account shown;

  size_t accounts = 0;
  grpc::Status ListAccounts(grpc::ServerContext*, const v1::ListAccountsRequest* request,
                            v1::ListAccountsResponse* response) override {
    // Pages of two; the token is the index of the next.
    size_t index = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    for (size_t end = index + 2; index < accounts && index < end; ++index) {
      response->add_accounts()->set_address(absl::StrCat("user", index));
    }
    if (index < accounts) response->set_next_page_token(absl::StrCat(index));
    return ToGrpcStatus(failure);
  }

  v1::UpdateAccountRequest updated;
  grpc::Status UpdateAccount(grpc::ServerContext*, const v1::UpdateAccountRequest* request,
                             v1::UpdateAccountResponse* response) override {
    updated = *request;
    *response->mutable_account() = request->account();
    return ToGrpcStatus(failure);
  }

  v1::SetDomainPolicyRequest domain_policy;
  grpc::Status SetDomainPolicy(grpc::ServerContext*, const v1::SetDomainPolicyRequest* request,
                               v1::SetDomainPolicyResponse* response) override {
    domain_policy = *request;
    response->mutable_domain_policy()->set_domain(request->domain());
    *response->mutable_domain_policy()->mutable_policy() = request->policy();
    return ToGrpcStatus(failure);
  }

  v1::ListDomainPoliciesResponse domain_policies;
  grpc::Status ListDomainPolicies(grpc::ServerContext*, const v1::ListDomainPoliciesRequest*,
                                  v1::ListDomainPoliciesResponse* response) override {
    *response = domain_policies;
    return ToGrpcStatus(failure);
  }

  v1::SetDomainFilingRequest domain_filing;
  grpc::Status SetDomainFiling(grpc::ServerContext*, const v1::SetDomainFilingRequest* request,
                               v1::SetDomainFilingResponse* response) override {
    domain_filing = *request;
    *response->mutable_domain_filing() = request->domain_filing();
    return ToGrpcStatus(failure);
  }

  v1::ListDomainFilingResponse filing_of_domains;
  grpc::Status ListDomainFiling(grpc::ServerContext*, const v1::ListDomainFilingRequest*,
                                v1::ListDomainFilingResponse* response) override {
    *response = filing_of_domains;
    return ToGrpcStatus(failure);
  }

  v1::SetPasswordRequest password;
  grpc::Status SetPassword(grpc::ServerContext*, const v1::SetPasswordRequest* request,
                           v1::SetPasswordResponse*) override {
    password = *request;
    return ToGrpcStatus(failure);
  }

  std::vector<std::string> deleted;
  grpc::Status DeleteAccount(grpc::ServerContext*, const v1::DeleteAccountRequest* request,
                             v1::DeleteAccountResponse*) override {
    deleted.push_back(request->address());
    return ToGrpcStatus(failure);
  }

  std::vector<v1::ImportEntry> imported;
  std::vector<uint64_t> wrong_entries;
  grpc::Status ImportAccounts(grpc::ServerContext*,
                              grpc::ServerReader<v1::ImportAccountsRequest>* reader,
                              v1::ImportAccountsResponse* response) override {
    v1::ImportAccountsRequest request;
    while (reader->Read(&request)) {
      imported.insert(imported.end(), request.entries().begin(), request.entries().end());
    }
    for (const uint64_t index : wrong_entries) {
      v1::ImportProblem* problem = response->add_problems();
      problem->set_index(index);
      problem->set_message("exists");
    }
    if (wrong_entries.empty()) response->set_imported(imported.size());
    return ToGrpcStatus(failure);
  }

  grpc::Status ListMailboxes(grpc::ServerContext*, const v1::ListMailboxesRequest*,
                             v1::ListMailboxesResponse* response) override {
    v1::MailboxStatus* inbox = response->add_mailboxes();
    inbox->set_name("INBOX");
    inbox->set_message_count(3);
    inbox->set_octets(2048);
    return ToGrpcStatus(failure);
  }

  v1::CreateMailboxRequest created_mailbox;
  grpc::Status CreateMailbox(grpc::ServerContext*, const v1::CreateMailboxRequest* request,
                             v1::CreateMailboxResponse* response) override {
    created_mailbox = *request;
    response->mutable_status()->set_name(request->mailbox());
    *response->mutable_status()->mutable_special_use() = request->special_use();
    return ToGrpcStatus(failure);
  }

  // Rows have the UIDs 1, 2, … and come in pages of two; one body for all.
  uint32_t messages = 0;
  std::string message = "Subject: one\r\n\r\nbody\r\n";
  bool fetch_fails = false;
  grpc::Status ListMessages(grpc::ServerContext*, const v1::ListMessagesRequest* request,
                            v1::ListMessagesResponse* response) override {
    uint32_t uid = request->after_uid() + 1;
    for (; uid <= messages && response->rows_size() < 2; ++uid) {
      response->add_rows()->set_uid(uid);
    }
    response->set_end(uid > messages);
    return ToGrpcStatus(failure);
  }
  grpc::Status FetchMessages(grpc::ServerContext*, const v1::FetchMessagesRequest* request,
                             grpc::ServerWriter<v1::FetchMessagesResponse>* writer) override {
    const std::string wanted =
        request->parts(0).has_top() ? message.substr(0, message.find("\r\n\r\n") + 4) : message;
    v1::FetchMessagesResponse response;
    v1::ReadPiece* piece = response.add_pieces();
    piece->set_data(wanted.substr(0, 5));
    writer->Write(response);
    piece->set_data(wanted.substr(5));
    piece->set_last(true);
    if (fetch_fails) {
      piece->clear_data();
      *piece->mutable_error() = ToRpcStatus(MakeError(v1::ERROR_REASON_CORRUPT, "torn"));
    }
    writer->Write(response);
    return ToGrpcStatus(failure);
  }

  v1::Envelope envelope;
  std::string delivered;
  std::string delivered_to = "INBOX";
  bool answer_early = false;
  // One result for each recipient of `envelope`.
  v1::DeliverResponse Answer() const {
    v1::DeliverResponse response;
    uint32_t uid = 0;
    for (const std::string& recipient : envelope.recipients()) {
      v1::RecipientResult* one = response.add_results();
      one->set_uid(++uid);
      one->set_mailbox(delivered_to);
      if (recipient != "nobody") continue;
      *one->mutable_status() =
          ToRpcStatus(MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, "no account nobody"));
    }
    return response;
  }

  grpc::Status Deliver(grpc::ServerContext*, const v1::DeliverRequest* request,
                       v1::DeliverResponse* response) override {
    envelope = request->envelope();
    delivered = request->message();
    *response = Answer();
    return grpc::Status::OK;
  }

  grpc::Status DeliverStream(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::DeliverStreamResponse, v1::DeliverStreamRequest>* stream)
      override {
    v1::DeliverStreamRequest request;
    bool last = false;
    while (!last && stream->Read(&request)) {
      for (const v1::DeliveryPart& part : request.parts()) {
        if (part.has_envelope()) envelope = part.envelope();
        delivered += part.data();
        last = part.last() || answer_early;
      }
    }
    v1::DeliverStreamResponse response;
    v1::DeliveryResult* result = response.add_results();
    result->set_id(1);
    *result->mutable_delivered() = Answer();
    stream->Write(response);
    // The stream stays open, as a real one does, until the client ends it.
    while (stream->Read(&request)) {
    }
    return grpc::Status::OK;
  }

  uint64_t errors = 0;
  uint64_t notes = 0;
  grpc::Status Verify(grpc::ServerContext*, const v1::VerifyRequest*,
                      grpc::ServerWriter<v1::VerifyResponse>* writer) override {
    v1::VerifyResponse response;
    for (uint64_t i = 0; i < errors + notes; ++i) {
      v1::VerifyFinding* finding = response.mutable_finding();
      finding->set_severity(i < errors ? v1::VerifyFinding::SEVERITY_ERROR
                                       : v1::VerifyFinding::SEVERITY_NOTE);
      finding->set_where("mailbox x");
      finding->set_message("counts differ");
      writer->Write(response);
    }
    response.mutable_summary()->set_errors(errors);
    response.mutable_summary()->set_notes(notes);
    response.mutable_summary()->set_messages(7);
    writer->Write(response);
    return ToGrpcStatus(failure);
  }

  grpc::Status GetStats(grpc::ServerContext*, const v1::GetStatsRequest*,
                        v1::GetStatsResponse* response) override {
    response->set_version("1.2.3");
    (*response->mutable_values())["commits_total"] = 42;
    return ToGrpcStatus(failure);
  }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace restante::ctl
