// One Exchange call to the storage service: what carries the operations of all
// sessions of this process while it lasts. It knows nothing of what they mean and
// doesn't come back when it breaks; that is StorageLink's part.
//
// While a message is being written, further operations gather and leave together
// in the next one.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "restante/v1/maildrop.grpc.pb.h"

namespace restante::pop3 {

class ExchangeStream;

// Called on threads of gRPC's, one call at a time; must not block.
class ExchangeEvents {
 public:
  virtual ~ExchangeEvents() = default;

  // May take the results out of the message.
  virtual void OnResults(v1::ExchangeResponse& response) = 0;

  // The last call for a stream. `unsent` are the operations that never left;
  // those that left and were not answered may have been carried out or not. The
  // stream has to be let go of on another thread: with it may go the last channel,
  // which waits for gRPC's threads.
  virtual void OnBroken(std::shared_ptr<ExchangeStream> stream, const absl::Status& status,
                        std::vector<uint64_t> unsent) = 0;
};

class ExchangeStream final
    : public grpc::ClientBidiReactor<v1::ExchangeRequest, v1::ExchangeResponse> {
 public:
  // `events` must live until OnBroken. The service is told to expect a message every
  // `heartbeat`.
  static std::shared_ptr<ExchangeStream> Start(v1::MaildropService::Stub& stub,
                                               ExchangeEvents& events,
                                               absl::Duration heartbeat);

  // Any thread. Operations leave in the order of these calls, at the next Flush
  // or after the write that is under way.
  void Enqueue(v1::Operation operation) ABSL_LOCKS_EXCLUDED(mutex_);
  void Flush() ABSL_LOCKS_EXCLUDED(mutex_);
  // Shows the service that we live, by a message without operations if there are none.
  void Beat() ABSL_LOCKS_EXCLUDED(mutex_);

  // Any thread. Ends the call once everything enqueued has left; OnBroken tells
  // when the service has ended it too.
  void Finish() ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends it at once.
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  explicit ExchangeStream(ExchangeEvents& events) : events_(events) {}

  // Takes what is to be written next; false if nothing is to be done.
  enum class Next { kNothing, kWrite, kFinish };
  Next TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Do(Next next);

  ExchangeEvents& events_;
  grpc::ClientContext context_;
  // Lives until OnDone.
  std::shared_ptr<ExchangeStream> self_;
  v1::ExchangeResponse response_;
  // Belongs to gRPC while writing_.
  v1::ExchangeRequest written_;

  absl::Mutex mutex_;
  v1::ExchangeRequest pending_ ABSL_GUARDED_BY(mutex_);
  bool beat_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace restante::pop3
