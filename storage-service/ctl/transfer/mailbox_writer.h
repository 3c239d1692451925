// Appends what a source gives to one mailbox of an account, in that order. Small messages
// go together, many in one durable commit, while the next ones are being read; a large one
// goes by itself, a piece at a time. Each has an id, so a repetition stores nothing twice,
// wherever the one before was interrupted, here or at the service.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "restante/v1/mailboxes.grpc.pb.h"
#include "storage-service/ctl/session.h"
#include "storage-service/ctl/transfer/import_report.h"
#include "storage-service/ctl/transfer/mail_source.h"

namespace restante::ctl {

struct WriterTarget {
  std::string address;
  std::string mailbox;
  // Before a message's own id, and a space.
  std::string id_prefix;
  // Messages keep their UIDs; those without one come behind this UID.
  bool keep_uids = false;
  uint32_t uid_next = 0;
};

// The id under which a message is appended. At most 255 octets: of a longer one the end,
// which tells names of files apart.
std::string AppendIdOf(const WriterTarget& target, const SourceMessage& message);

// One caller; a thread of its own sends.
class MailboxWriter : public MessageSink {
 public:
  MailboxWriter(const Session& session, WriterTarget target, ImportReport* report);
  // What hasn't been sent by Finish is dropped.
  ~MailboxWriter() override;

  absl::Status Begin(SourceMessage message) override;
  absl::Status Data(std::string octets) override;
  absl::Status End() override;
  absl::Status Abandon(const absl::Status& why) override;
  void Unreadable(const SourceMessage& message, const absl::Status& why) override;
  void Gone(const SourceMessage& message) override;

  // All of it is durable, or in the report. The error is what ended the import.
  absl::Status Finish();

 private:
  struct Buffered {
    SourceMessage message;
    std::string octets;
  };
  using Batch = std::vector<Buffered>;
  // A large message on its way.
  struct Upload {
    std::unique_ptr<grpc::ClientContext> context;
    v1::AppendMessagesResponse response;
    std::unique_ptr<grpc::ClientWriter<v1::AppendMessagesRequest>> writer;
    uint64_t octets = 0;
    bool broken = false;  // the service has answered: it wants no more
  };

  v1::AppendedProperties PropertiesOf(const SourceMessage& message) const;

  // The sender's side.
  void Send() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status AppendAll(const Batch& batch);
  absl::StatusOr<v1::AppendMessagesResponse> Append(const Buffered* first, size_t count);

  absl::Status Queue() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until all that was queued is durable.
  absl::Status Drain() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status AdoptUidNext();
  absl::Status BeginUpload();
  absl::Status EndUpload();

  const Session& session_;
  const WriterTarget target_;
  ImportReport* const report_;
  const std::unique_ptr<v1::MailboxesService::Stub> stub_;

  // The reader's: what is being gathered.
  Batch batch_;
  size_t batch_octets_ = 0;
  std::optional<SourceMessage> message_;
  std::string octets_;
  std::optional<Upload> upload_;
  bool uid_next_adopted_ = false;

  absl::Mutex mutex_;
  std::deque<Batch> queue_ ABSL_GUARDED_BY(mutex_);  // the first is being sent
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread sender_;
};

}  // namespace restante::ctl
