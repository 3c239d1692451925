// What has become of an import's messages, told while it goes on and at its end.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "restante/v1/mailboxes.pb.h"
#include "storage-service/ctl/json.h"
#include "storage-service/ctl/session.h"
#include "storage-service/ctl/transfer/mail_source.h"
#include "storage-service/ctl/transfer/progress.h"

namespace restante::ctl {

class ImportReport {
 public:
  explicit ImportReport(Progress* progress) : progress_(progress) {}

  void Appended(const SourceMessage& message, uint64_t octets, const v1::AppendedMessage& as);
  // They were here before.
  void Earlier(uint64_t messages);
  void Failed(const std::string& name, const absl::Status& why);
  // It isn't at its source any more.
  void Gone(const SourceMessage& message);
  // A flag that can't be kept; told once for each.
  void FlagDropped(const std::string& flag);
  // A mailbox whose messages, or some of them, can't be had.
  void MailboxFailed(const SourceMailbox& mailbox, const absl::Status& why);
  void Note(const std::string& text);

  uint64_t failed() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The summary, on standard output. An error if something wasn't imported.
  absl::Status Print(const Session& session) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Progress* const progress_;
  mutable absl::Mutex mutex_;
  uint64_t imported_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t earlier_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t gone_ ABSL_GUARDED_BY(mutex_) = 0;
  Json replaced_ ABSL_GUARDED_BY(mutex_) = Json::array();
  Json failed_ ABSL_GUARDED_BY(mutex_) = Json::array();
  Json failed_mailboxes_ ABSL_GUARDED_BY(mutex_) = Json::array();
  Json flags_ ABSL_GUARDED_BY(mutex_) = Json::array();
};

}  // namespace restante::ctl
