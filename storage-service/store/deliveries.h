// Bringing mail in: a message arrives in pieces, is normalised to CRLF, cut into
// chunks and measured on the way, and becomes a row in a mailbox of each recipient.
// No more than a chunk of it is held in memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/store/types.h"

namespace restante::store {

// One delivery under way. Destroyed before Finish, it leaves nothing behind.
// Calls follow one another; each from any thread.
class Delivery {
 public:
  virtual ~Delivery() = default;

  // The next octets, any number. Completes when the store is ready for more.
  // TOO_LARGE, OVERLOADED, STORE_FULL, STORE_FAILURE: the delivery has failed.
  virtual Task<absl::Status> Append(std::string data) = 0;

  // The message is complete. One result per recipient of the envelope, in its
  // order; OK means durable.
  virtual Task<std::vector<RecipientResult>> Finish() = 0;
};

struct RecipientNews {
  // All that CheckRecipients has said may be wrong by now.
  bool everything = false;
  // Otherwise what it said of these, in normal form, with or without a +detail; of whatever
  // leads to them by an alias; and that an address doesn't exist.
  absl::flat_hash_set<std::string> addresses;
};

// Tells who remembers answers of CheckRecipients which to forget, as long as it lives.
class RecipientWatch {
 public:
  virtual ~RecipientWatch() = default;
  // The first is at once, and of everything; then it completes when there is something to
  // tell; one call at a time. CANCELLED after Stop.
  virtual Task<absl::StatusOr<RecipientNews>> Next() = 0;
  // From any thread.
  virtual void Stop() = 0;
};

class Deliveries {
 public:
  virtual ~Deliveries() = default;

  // Looks the recipients up. Those that can't get the message are told at Finish.
  // INVALID_REQUEST: no recipients, too many, a delivery id too long.
  virtual Task<absl::StatusOr<std::unique_ptr<Delivery>>> Begin(Envelope envelope) = 0;

  // One answer per recipient: would it get a message of this size, and where would
  // that go? What Begin answers, and so RCPT of LMTP.
  virtual Task<std::vector<RecipientCheck>> CheckRecipients(std::vector<std::string> recipients,
                                                            uint64_t declared_octets) = 0;

  // Changes from this call on. Outlived by the store.
  virtual std::unique_ptr<RecipientWatch> WatchRecipients() = 0;
};

}  // namespace restante::store
