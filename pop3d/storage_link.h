// The front-end's connection to the storage service: one Exchange stream for all
// sessions, made again whenever it breaks, and the ports through which the
// sessions of each thread use it.
//
// A stream counts as up once the service has answered on it. The first try after
// a break is at once, then with growing pauses. Heartbeats tell the service that this
// process lives: when they stay away, it frees the maildrops that sessions hold.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "asio/executor_work_guard.hpp"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"
#include "pop3d/deadlines.h"
#include "pop3d/exchange_stream.h"
#include "pop3d/link_port.h"
#include "restante/v1/messages.grpc.pb.h"

namespace restante::pop3 {

class StorageLink final : public ExchangeEvents {
 public:
  // `control` is where the link itself runs; Start, Stop and the callbacks are of
  // its thread. Bodies travel on a channel of their own, so that they never hold
  // up a login.
  StorageLink(asio::io_context& control, const LinkOptions& options,
              std::shared_ptr<grpc::Channel> exchange_channel,
              std::shared_ptr<grpc::Channel> body_channel);
  ~StorageLink() override;

  // One for each thread that runs sessions, all before Start. The port belongs to
  // the thread of `context`.
  LinkPort& AddPort(asio::io_context& context, Deadlines& deadlines);

  // `on_first_up` is called once, when sessions can be served.
  void Start(std::function<void()> on_first_up);

  // After the last session has ended: sends what is still queued (Close
  // operations), ends the stream, then calls `on_stopped`. Keeps `control`
  // running until then.
  void Stop(std::function<void()> on_stopped);

 private:
  void OnResults(v1::ExchangeResponse& response) override;
  void OnBroken(std::shared_ptr<ExchangeStream> stream, const absl::Status& status,
                std::vector<uint64_t> unsent) override;

  void Connect();
  void AwaitBeat();
  void HandleProbeAnswer(uint64_t id);
  void HandleBreak(const absl::Status& status, const std::vector<uint64_t>& unsent);
  void CompleteStop();

  asio::io_context& control_;
  const LinkOptions options_;
  const std::shared_ptr<grpc::Channel> exchange_channel_;
  const std::shared_ptr<grpc::Channel> body_channel_;
  const std::unique_ptr<v1::MaildropService::Stub> maildrops_;
  const std::unique_ptr<v1::MessagesService::Stub> messages_;

  // Fixed once Start was called.
  std::vector<std::unique_ptr<LinkPort>> ports_;

  // Of the control thread.
  asio::steady_timer retry_;
  asio::steady_timer beat_;
  asio::steady_timer stop_deadline_;
  std::shared_ptr<ExchangeStream> stream_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  // The operation that asks whether the present stream is served.
  uint64_t probe_id_ = 0;
  TimeSpan pause_{0};
  TimePoint up_since_;
  bool up_ = false;
  bool reported_down_ = false;
  bool stopping_ = false;
  std::function<void()> on_first_up_;
  std::function<void()> on_stopped_;

  // Of the one call of OnResults at a time.
  std::vector<std::vector<v1::Result>> sorted_;
};

}  // namespace restante::pop3
