#include "storage-service/rpc/server.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/rpc/listen.h"

namespace restante::rpc {
namespace {

void SetOptions(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMostMessageOctets);
  builder.SetMaxSendMessageSize(-1);
  // A second process on the same port must fail, not share it.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Channels of ours ping every 10 s (common/grpc_channel.cc); by default a server
  // takes more than one ping in 5 minutes for an attack.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  // A client that vanished is found out. Front-ends are by their heartbeats, long before.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

std::vector<std::string> ServiceNames() {
  return {v1::AccountsService::service_full_name(),
          v1::AdminService::service_full_name(),
          v1::AliasesService::service_full_name(),
          v1::AuthenticatorService::service_full_name(),
          v1::DeliveryService::service_full_name(),
          v1::MailboxesService::service_full_name(),
          v1::MaildropService::service_full_name(),
          v1::MessagesService::service_full_name(),
          grpc::health::v1::Health::service_full_name(),
          grpc::reflection::v1alpha::ServerReflection::service_full_name()};
}

}  // namespace

Server::Server(store::Store& store, ServerOptions options)
    : options_(std::move(options)),
      context_(store, options_.delivery_load),
      health_(ServiceNames()),
      reflection_(ServiceNames()) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(store::Store& store,
                                                      ServerOptions options) {
  std::unique_ptr<Server> server(new Server(store, std::move(options)));
  const absl::Status listening = server->Listen();
  if (!listening.ok()) return listening;
  return server;
}

absl::Status Server::Listen() {
  grpc::ServerBuilder builder;
  SetOptions(builder);
  addresses_ = options_.listen;
  std::vector<int> ports(addresses_.size(), 0);
  for (size_t i = 0; i < addresses_.size(); ++i) {
    const absl::Status free = CheckFree(addresses_[i]);
    if (!free.ok()) return free;
    builder.AddListeningPort(FormatAddress(addresses_[i]), grpc::InsecureServerCredentials(),
                             &ports[i]);
  }
  for (grpc::Service* service :
       {accounts_.service(), aliases_.service(), authenticator_.service(), maildrop_.service(),
        messages_.service(), delivery_.service(), mailboxes_.service(), admin_.service(),
        health_.service(), reflection_.service()}) {
    builder.RegisterService(service);
  }
  thread_ = std::make_unique<CompletionThread>(builder);
  server_ = builder.BuildAndStart();
  for (size_t i = 0; i < addresses_.size(); ++i) {
    if (ports[i] <= 0) {
      return absl::UnavailableError(
          absl::StrCat(FormatAddress(addresses_[i]), ": can't be listened on"));
    }
    if (!addresses_[i].IsUnix()) {
      addresses_[i].tcp.port(static_cast<uint16_t>(ports[i]));
    }
  }
  if (server_ == nullptr) return absl::UnavailableError("the gRPC server can't be started");

  context_.queue = thread_->queue();
  accounts_.Serve(context_);
  aliases_.Serve(context_);
  authenticator_.Serve(context_);
  maildrop_.Serve(context_, options_.exchange);
  messages_.Serve(context_);
  delivery_.Serve(context_, options_.delivery);
  mailboxes_.Serve(context_);
  admin_.Serve(context_);
  health_.Serve(context_);
  reflection_.Serve(context_);
  health_.BeginServing();
  thread_->Start();
  return absl::OkStatus();
}

Server::~Server() { Shutdown(absl::InfinitePast()); }

void Server::Shutdown(absl::Time deadline) {
  if (server_ == nullptr) return;
  health_.EndServing();
  context_.store.maildrops().StopWaiting();
  context_.streams.DrainAll();
  server_->Shutdown(absl::ToChronoTime(deadline));
  // Calls that came in the last moment are known from here on; after the last of
  // them nothing uses the queue.
  thread_->AwaitHandled();
  context_.work.AwaitIdle();
  thread_->Stop();
  server_ = nullptr;
}

}  // namespace restante::rpc
