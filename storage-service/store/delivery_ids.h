// Makes a sender's retry harmless: which deliveries a mailbox has taken, by the
// sender's id. A record is written with the row, in the same commit, and is kept
// for StoreOptions::delivery_id_window.
//
// Two deliveries with one id to one mailbox take turns; others never wait.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/async_mutex.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/types.h"

namespace restante::store {

// The most octets that an id may have, a delivery's or an appended message's.
inline constexpr size_t kMostDeliveryIdOctets = 255;

// 16 octets of the SHA-256 of the id and of which copy it is: several recipients
// of one delivery may share a mailbox, and each gets a copy of its own.
std::string DeliveryKeyOf(absl::string_view delivery_id, uint32_t copy);

class DeliveryIds {
 public:
  DeliveryIds(engine::Engine* engine, absl::Duration window)
      : engine_(engine), window_(window) {}

  // Keeps others with the same key in the same mailbox waiting, until the guard
  // ends. Several are taken in ascending order of mailbox and key, or two
  // deliveries could wait for each other.
  Task<KeyedAsyncMutex::Guard> Lock(MailboxId mailbox, std::string key);

  // What the mailbox has taken under this key, if it still counts.
  Task<absl::StatusOr<std::optional<DeliveryRecord>>> Find(MailboxId mailbox, std::string key,
                                                           absl::Time now);

  // Adds the record to the commit that writes the row.
  static void Record(const std::string& key, const DeliveryRecord& record, Change& change);

  // Removes records that no longer count, some at a time.
  struct Dropped {
    bool more = false;  // call again
    std::optional<absl::Time> oldest_left;
  };
  Task<absl::StatusOr<Dropped>> DropOld(std::shared_ptr<Mailbox> mailbox, absl::Time now);

  absl::Duration window() const { return window_; }

 private:
  engine::Engine* const engine_;
  const absl::Duration window_;
  KeyedAsyncMutex locks_;
};

}  // namespace restante::store
