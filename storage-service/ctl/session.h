// What every command works with: the service, the standard streams, and how the
// operator wants the output.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage-service/ctl/json.h"

namespace restante::ctl {

struct GlobalOptions {
  std::string server = "127.0.0.1:9143";
  bool json = false;
  // For each call; zero: without limit; not given: kDefaultTimeout for calls that
  // answer at once, without limit for those that work for as long as it takes.
  std::optional<absl::Duration> timeout;
};

inline constexpr absl::Duration kDefaultTimeout = absl::Seconds(30);

struct Streams {
  int in = 0;
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;
};

class Session {
 public:
  Session(const GlobalOptions& options, Streams streams);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // For one call.
  std::unique_ptr<grpc::ClientContext> ShortCall() const;
  std::unique_ptr<grpc::ClientContext> LongCall() const;

  bool json() const { return options_.json; }
  int in() const { return streams_.in; }
  std::ostream& out() const { return streams_.out; }
  std::ostream& err() const { return streams_.err; }
  bool err_is_terminal() const { return streams_.err_is_terminal; }

  void PrintJson(const Json& json) const { out() << Dump(json); }
  // One line of standard error, after the program's name.
  void Complain(absl::string_view message) const;

 private:
  const GlobalOptions options_;
  const Streams streams_;
  const std::shared_ptr<grpc::Channel> channel_;
};

// What the command line asks for. An error is told by the caller, and decides the
// exit code.
using Action = std::function<absl::Status(Session&)>;

}  // namespace restante::ctl
