// An import from its source to its end: makes the mailboxes, passes over what is here
// already, brings the rest, and tells what became of it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage-service/ctl/session.h"
#include "storage-service/ctl/transfer/mail_source.h"

namespace restante::ctl {

struct ImportPlan {
  std::string address;
  // Names, as they are called here; empty: all there are.
  std::vector<std::string> mailboxes;
  // UIDs and UIDVALIDITYs are kept; only by mailboxes that never had a message, or that
  // such an import has begun to fill.
  bool keep_uids = false;
  // What is here, durably, is deleted at its source.
  bool delete_there = false;
};

// An error: what ended the import, or how many messages weren't imported.
absl::Status ImportMail(const Session& session, const ImportPlan& plan, MailSource* source);

}  // namespace restante::ctl
