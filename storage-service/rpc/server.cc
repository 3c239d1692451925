#include "storage-service/rpc/server.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
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
  // A front-end that vanished is found out in time to free its leases.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

}  // namespace

Server::Server(store::Store& store, ServerOptions options)
    : options_(std::move(options)), context_(store) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(store::Store& store,
                                                      ServerOptions options) {
  std::unique_ptr<Server> server(new Server(store, std::move(options)));
  const absl::Status listening = server->Listen();
  if (!listening.ok()) return listening;
  return server;
}

absl::Status Server::Listen() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
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
  builder.RegisterService(&accounts_);
  builder.RegisterService(&authenticator_);
  builder.RegisterService(&maildrop_);
  builder.RegisterService(&messages_);
  builder.RegisterService(&delivery_);
  builder.RegisterService(&mailboxes_);
  builder.RegisterService(&admin_);
  exchange_thread_ = std::make_unique<CompletionThread>(builder);
  delivery_thread_ = std::make_unique<CompletionThread>(builder);
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

  ExchangeStream::Serve(maildrop_, context_, streams_, exchange_thread_->queue(),
                        options_.exchange);
  DeliverStream::Serve(delivery_, context_, streams_, delivery_thread_->queue(),
                       options_.delivery);
  exchange_thread_->Start();
  delivery_thread_->Start();
  server_->GetHealthCheckService()->SetServingStatus(true);
  return absl::OkStatus();
}

Server::~Server() { Shutdown(absl::InfinitePast()); }

void Server::Shutdown(absl::Time deadline) {
  if (server_ == nullptr) return;
  server_->GetHealthCheckService()->SetServingStatus(false);
  streams_.DrainAll();
  server_->Shutdown(absl::ToChronoTime(deadline));
  streams_.AbandonAll();
  exchange_thread_->Stop();
  delivery_thread_->Stop();
  context_.work.AwaitIdle();
  server_ = nullptr;
}

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  return server_->InProcessChannel(grpc::ChannelArguments());
}

}  // namespace restante::rpc
