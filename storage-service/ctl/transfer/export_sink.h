// Where an export puts mail: files of a format. What there is to export is mail_export.h's.
//
// An error ends the export. One that was interrupted goes on: what is complete on the disk
// is known again, and the rest is asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "restante/v1/types.pb.h"

namespace restante::ctl {

class ExportSink {
 public:
  virtual ~ExportSink() = default;

  // A mailbox, with all its messages by UID. Answers which of them are still to come.
  virtual absl::StatusOr<std::vector<const v1::MessageRow*>> Open(
      const v1::MailboxStatus& mailbox, const std::vector<v1::MessageRow>& rows) = 0;

  // Those, one after the other, as Begin, Data any number of times, and End or Abandon.
  virtual absl::Status Begin(const v1::MessageRow& row) = 0;
  virtual absl::Status Data(absl::string_view octets) = 0;
  virtual absl::Status End() = 0;
  virtual absl::Status Abandon() = 0;

  // No more come: all of it is durable.
  virtual absl::Status Close() = 0;

  virtual absl::Status Subscribed(const std::vector<std::string>& /*mailboxes*/) {
    return absl::OkStatus();
  }

  // What may surprise an operator, in words; since the last call.
  std::vector<std::string> TakeNotes() { return std::exchange(notes_, {}); }

 protected:
  void Note(std::string text) { notes_.push_back(std::move(text)); }

 private:
  std::vector<std::string> notes_;
};

// A Maildir++ that Dovecot can take over: flags in the names of the files, keywords,
// dates, and in its lists UIDs, UIDVALIDITYs and POP3's UIDLs.
absl::StatusOr<std::unique_ptr<ExportSink>> NewMaildirExport(const std::string& directory);

// An mboxrd for each mailbox, "NAME.mbox", and beside it how far it is durable.
absl::StatusOr<std::unique_ptr<ExportSink>> NewMboxExport(const std::string& directory);

}  // namespace restante::ctl
