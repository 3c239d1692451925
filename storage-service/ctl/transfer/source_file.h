// Reading files of mail for an import.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/ctl/transfer/mail_source.h"

namespace restante::ctl {

// The whole of a file that may be missing.
absl::StatusOr<std::optional<std::string>> ReadIfThere(const std::string& path);

// When a regular file was last changed, and its size; nothing: it isn't one.
struct FileFacts {
  absl::Time changed;
  uint64_t octets = 0;
};
std::optional<FileFacts> FactsOf(const std::string& path);

// Gives a file to the sink as a message. NOT_FOUND: there is no such file, and the sink
// has heard of nothing. Another error is the sink's; a file that can't be read is told to
// the sink and is none.
absl::Status SendFile(const std::string& path, const SourceMessage& message, MessageSink* sink);

}  // namespace restante::ctl
