#include "storage-service/ctl/session.h"

#include "common/grpc_channel.h"
#include "storage-service/ctl/format.h"

namespace restante::ctl {
namespace {

std::unique_ptr<grpc::ClientContext> ContextWithin(absl::Duration timeout) {
  auto context = std::make_unique<grpc::ClientContext>();
  if (timeout > absl::ZeroDuration()) {
    context->set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
  return context;
}

}  // namespace

Session::Session(const GlobalOptions& options, Streams streams)
    : options_(options), streams_(streams), channel_(OpenChannel(options.server)) {}

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
