// Sending a message to the service for delivery.
#pragma once

#include "absl/status/statusor.h"
#include "restante/v1/delivery.pb.h"
#include "storage-service/ctl/input_file.h"
#include "storage-service/ctl/session.h"

namespace restante::ctl {

// Reads `file` to its end and delivers it, a piece at a time if it is large. One
// result for each recipient of the envelope; an error is the whole delivery's.
absl::StatusOr<v1::DeliverResponse> Upload(const Session& session, InputFile* file,
                                           v1::Envelope envelope);

}  // namespace restante::ctl
