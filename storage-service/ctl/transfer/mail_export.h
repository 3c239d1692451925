// An export of an account's mailboxes from their listing to its end.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage-service/ctl/session.h"
#include "storage-service/ctl/transfer/export_sink.h"

namespace restante::ctl {

struct ExportPlan {
  std::string address;
  std::vector<std::string> mailboxes;  // empty: all
};

// An error: what ended the export, or how many messages weren't exported.
absl::Status ExportMail(const Session& session, const ExportPlan& plan, ExportSink* sink);

}  // namespace restante::ctl
