// Follows the storage service's WatchRecipients, so that what a cache remembers of
// recipients ends when it changes. Calls again whenever the stream breaks, with pauses; each
// stream begins with "everything".
//
// Has a thread of its own.
#pragma once

#include <grpcpp/client_context.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "restante/v1/delivery.grpc.pb.h"

namespace restante::postfix {

class RecipientWatch {
 public:
  // Addresses of which something has changed; none: of all.
  using OnChange = std::function<void(const std::vector<std::string>& addresses)>;

  // Calls `on_change` on the executor. The stub and what `on_change` uses must outlive this
  // and what was posted to the executor.
  RecipientWatch(v1::DeliveryService::Stub& storage, asio::any_io_executor executor,
                 OnChange on_change);
  // Ends the stream and waits for the thread.
  ~RecipientWatch();
  RecipientWatch(const RecipientWatch&) = delete;
  RecipientWatch& operator=(const RecipientWatch&) = delete;

 private:
  // What waits to be told: however fast changes come, one task of the executor.
  struct Pending {
    absl::Mutex mutex;
    bool posted ABSL_GUARDED_BY(mutex) = false;
    bool everything ABSL_GUARDED_BY(mutex) = false;
    absl::flat_hash_set<std::string> addresses ABSL_GUARDED_BY(mutex);
  };

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  grpc::Status Follow() ABSL_LOCKS_EXCLUDED(mutex_);
  void Tell(const v1::WatchRecipientsResponse& news);
  // False: this is being destroyed.
  bool Pause(absl::Duration time) ABSL_LOCKS_EXCLUDED(mutex_);

  v1::DeliveryService::Stub& storage_;
  const asio::any_io_executor executor_;
  const OnChange on_change_;
  const std::shared_ptr<Pending> pending_ = std::make_shared<Pending>();

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* call_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace restante::postfix
