// What a row has to say, found out from its body: for repairs, which trust octets whose
// checksums are right more than records that contradict them.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_records.h"

namespace restante::store {

struct ExaminedRow {
  StoredRow row;  // as it ought to be
  bool changed = false;
  // Whether the body knows of the row, and has all the octets that the row promises.
  bool referenced = true;
  bool readable = true;
};

// With `read_all` every octet is read, otherwise only if the body's length is wrong.
Task<absl::StatusOr<ExaminedRow>> ExamineRow(engine::Engine* engine,
                                             engine::BodyReference holder, StoredRow row,
                                             bool read_all);

// A row for a message of which nothing is left but its body. Dates are `now`, flags are
// gone; a surrogate, if it had one, is taken for the message's end. Nothing: the body
// isn't readable either.
Task<absl::StatusOr<std::optional<StoredRow>>> RowFromBody(engine::Engine* engine,
                                                           engine::BodyId body, absl::Time now);

// The bodies that have references of a mailbox, by UID. Walks through all bodies.
using BodiesByUid = absl::flat_hash_map<uint32_t, engine::BodyId>;
Task<absl::StatusOr<BodiesByUid>> BodiesOf(engine::Engine* engine, MailboxId mailbox);

}  // namespace restante::store
