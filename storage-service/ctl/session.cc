#include "storage-service/ctl/session.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "storage-service/ctl/format.h"

namespace restante::ctl {
namespace {

// Not common/grpc_channel.h's: a front-end tries again every 100 ms, and gives each
// attempt no longer than that. Here there is one attempt; it may take gRPC's own 20 s,
// as it does to a far or busy machine, and a refused one still ends at once.
std::shared_ptr<grpc::Channel> OpenOnce(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A service that vanished is noticed also by calls without a time limit.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

std::unique_ptr<grpc::ClientContext> ContextWithin(absl::Duration timeout) {
  auto context = std::make_unique<grpc::ClientContext>();
  if (timeout > absl::ZeroDuration()) {
    context->set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
  return context;
}

}  // namespace

Session::Session(const GlobalOptions& options, Streams streams)
    : options_(options), streams_(streams), channel_(OpenOnce(options.server)) {}

std::unique_ptr<grpc::ClientContext> Session::ShortCall() const {
  return ContextWithin(options_.timeout.value_or(kDefaultTimeout));
}

std::unique_ptr<grpc::ClientContext> Session::LongCall() const {
  return ContextWithin(options_.timeout.value_or(absl::ZeroDuration()));
}

void Session::Complain(absl::string_view message) const {
  err() << "restantectl: " << Printable(message) << std::endl;
}

}  // namespace restante::ctl
