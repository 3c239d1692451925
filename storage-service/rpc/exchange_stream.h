// One front-end's Exchange stream: carries out the operations of all its sessions
// and is their lease. Operations of one session follow one another; a login, which
// belongs to no session yet, starts when it is met, so that it sees every Close that
// came before it and completed at once, as they do.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "restante/v1/maildrop.grpc.pb.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/batched_stream.h"

namespace restante::rpc {

class ExchangeStream final : public BatchedStream<ExchangeStream, v1::ExchangeRequest,
                                                  v1::ExchangeResponse, v1::Result> {
 public:
  // Waits for a call, and then for the next one with another object, for as long
  // as the server runs.
  static void Serve(ServiceContext& context, v1::MaildropService::AsyncService& methods,
                    StreamLimits limits);

  static int Items(const v1::ExchangeRequest& message) { return message.operations_size(); }
  static void Append(v1::Result result, v1::ExchangeResponse* response) {
    *response->add_results() = std::move(result);
  }

 private:
  ExchangeStream(ServiceContext& context, v1::MaildropService::AsyncService& methods,
                 StreamLimits limits);

  void OnCall() override;
  void OnMessage(const v1::ExchangeRequest& message) override;
  void OnItem(v1::ExchangeRequest& message, int index) override;
  void OnOver(std::deque<Batch> undelivered) override;

  std::shared_ptr<ExchangeStream> Self() {
    return std::static_pointer_cast<ExchangeStream>(shared_from_this());
  }

  // Carries out an operation and those that were queued behind it for its session.
  static Task<void> Run(std::shared_ptr<ExchangeStream> self, v1::Operation operation);
  Task<v1::Result> Execute(v1::Operation* operation);
  void CloseIfOpened(const v1::Result& result);

  // What names a login while it is under way.
  std::shared_ptr<store::PendingLogin> Begin(const v1::Operation& login)
      ABSL_LOCKS_EXCLUDED(sessions_mutex_);
  void CancelLogin(uint64_t id) ABSL_LOCKS_EXCLUDED(sessions_mutex_);

  // The next operation for this session; false: none, the session is idle.
  bool TakeNext(const std::string& token, v1::Operation* operation)
      ABSL_LOCKS_EXCLUDED(sessions_mutex_);

  v1::MaildropService::AsyncService& methods_;
  const StreamLimits limits_;
  store::Maildrops& maildrops_;
  store::LeaseId lease_ = 0;
  // Of the queue's thread.
  bool heard_ = false;

  absl::Mutex sessions_mutex_;
  // Sessions with an operation under way, and what waits behind it.
  absl::flat_hash_map<std::string, std::deque<v1::Operation>> sessions_
      ABSL_GUARDED_BY(sessions_mutex_);
  // By the ids of their operations.
  absl::flat_hash_map<uint64_t, std::shared_ptr<store::PendingLogin>> logins_
      ABSL_GUARDED_BY(sessions_mutex_);
};

}  // namespace restante::rpc
