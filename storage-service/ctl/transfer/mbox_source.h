// An mbox as a source of mail: one mailbox. It is read twice, once for what there is and
// once for what is wanted of it, and has to stay as it is meanwhile.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage-service/ctl/transfer/mail_source.h"
#include "storage-service/ctl/transfer/mbox_reader.h"

namespace restante::ctl {

// `mailbox`: what it is to be called here.
absl::StatusOr<std::unique_ptr<MailSource>> OpenMbox(const std::string& path,
                                                     const std::string& mailbox,
                                                     MboxOptions options);

}  // namespace restante::ctl
