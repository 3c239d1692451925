// A storage service for tests of LMTP: keeps what it is given, answers as it was told to,
// and can be slow, fail, or go away. In this process, on a free port of loopback.
#pragma once

#include <grpcpp/server.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "restante/v1/delivery.grpc.pb.h"

namespace restante::lmtp {

class FakeStorage final : private v1::DeliveryService::Service {
 public:
  struct Delivery {
    v1::Envelope envelope;
    std::string message;
    // The number of its parts.
    int parts = 0;
  };

  FakeStorage();
  ~FakeStorage() override;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Goes away, breaking all streams; comes back on the same port.
  void Stop();
  void Start();

  // What a question about this recipient, and a delivery to it, are answered.
  void AnswerChecks(const std::string& recipient, absl::Status status);
  void AnswerDeliveries(const std::string& recipient, absl::Status status);

  // Reads nothing more of messages in several parts after their first part, until Resume().
  void HoldReading();
  // Takes everything and answers nothing, until Resume().
  void HoldAnswers();
  void Resume();

  // Breaks the stream on which so many octets of one message have come, once.
  void BreakAfter(size_t octets);
  // Answers a delivery with this error when its first part has come, once.
  void RefuseEarly(absl::Status status);

  // Waits for so many complete deliveries, at most 20 s, and returns all there are.
  std::vector<Delivery> Deliveries(size_t at_least);
  // Waits for so many parts that were taken and not answered yet.
  void AwaitUnanswered(size_t at_least);

  std::vector<v1::CheckRecipientsRequest> Checks();
  // Messages on all streams, and the parts in them; the link's probes are not counted.
  int messages();
  int parts();
  int streams();
  uint64_t octets();
  size_t largest_part();

 private:
  using Stream = grpc::ServerReaderWriter<v1::DeliverStreamResponse, v1::DeliverStreamRequest>;

  grpc::Status DeliverStream(grpc::ServerContext* context, Stream* stream) override;

  // False: the stream breaks.
  bool Take(const v1::DeliveryPart& part, std::map<uint64_t, Delivery>* open,
            v1::DeliverStreamResponse* response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Answer(const Delivery& delivery, v1::DeliveryResult* result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool hold_reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool hold_answers_ ABSL_GUARDED_BY(mutex_) = false;
  size_t break_after_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status refuse_early_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> check_answers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> delivery_answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<Delivery> deliveries_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::CheckRecipientsRequest> checks_ ABSL_GUARDED_BY(mutex_);
  int messages_ ABSL_GUARDED_BY(mutex_) = 0;
  int parts_ ABSL_GUARDED_BY(mutex_) = 0;
  int streams_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t octets_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t largest_part_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restante::lmtp
