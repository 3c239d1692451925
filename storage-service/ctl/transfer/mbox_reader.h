// The messages of an mbox, one after the other, in bounded memory.
//
// A message begins with a From_ line that has a date, at the beginning of the file or
// behind a blank line; the blank line in front of it, or at the end of the file, belongs to
// no message. Content-Length is not trusted.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage-service/ctl/transfer/line_reader.h"
#include "storage-service/ctl/transfer/mbox_format.h"

namespace restante::ctl {

struct MboxOptions {
  MboxQuoting quoting = MboxQuoting::kMboxrd;
  // Fields in which servers keep flags stay in the message.
  bool keep_status_fields = false;
  // The zone of dates that name none.
  absl::TimeZone zone = absl::LocalTimeZone();
};

struct MboxMessage {
  uint64_t offset = 0;    // of its From_ line
  std::string from_line;  // without its end
  absl::Time received;
  MboxStatus status;
  uint64_t octets = 0;  // of what was given out
  // UW's and Pine's first message, which holds figures of the mailbox and is none.
  bool internal = false;
};

class MboxReader {
 public:
  // An error, which names the path, if it can't be read or isn't an mbox. An empty file is
  // one without messages.
  static absl::StatusOr<MboxReader> Open(const std::string& path, MboxOptions options);

  using Output = std::function<absl::Status(absl::string_view octets)>;

  // Goes to a From_ line. An error if there is none any more.
  absl::Status Seek(uint64_t offset);
  // The next message, its octets given out on the way; nothing at the end.
  absl::StatusOr<std::optional<MboxMessage>> Next(const Output& output);

 private:
  MboxReader(LineReader lines, std::string path, MboxOptions options)
      : lines_(std::move(lines)), path_(std::move(path)), options_(options) {}

  absl::Status ReadFromLine();
  absl::Status ReadHeader(MboxMessage* message, const Output& output);
  absl::Status ReadBody(const Output& output);
  // Whether the line just read begins the next message.
  bool AtFromLine(absl::string_view line);

  LineReader lines_;
  std::string path_;
  MboxOptions options_;
  std::optional<MboxMessage> next_;  // its From_ line has been read
  bool ended_ = false;               // the message: its header is all there is
};

}  // namespace restante::ctl
