// The limit that a fetch stream is compared with: a server that has nothing to do but to
// write frames, which it has ready, to a gRPC stream.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include <cstddef>
#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "restante/v1/messages.grpc.pb.h"
#include "tests/bench/messages.h"

namespace restante::bench {

// MessagesService without sessions: message number i of the bench's for the part i, packed
// as the storage service packs them. Thread-safe.
class BareStream final : public restante::v1::MessagesService::Service {
 public:
  explicit BareStream(size_t octets) : messages_(octets) {}

  grpc::Status Read(grpc::ServerContext* context, const restante::v1::ReadRequest* request,
                    grpc::ServerWriter<restante::v1::ReadResponse>* writer) override;

 private:
  using Frames = std::vector<restante::v1::ReadResponse>;
  const Frames& FramesOf(int parts);

  const Messages messages_;
  absl::Mutex mutex_;
  std::map<int, Frames> frames_ ABSL_GUARDED_BY(mutex_);  // stay where they are
};

}  // namespace restante::bench
