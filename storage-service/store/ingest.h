// Where deliveries begin: checks the envelope and looks its recipients up. What
// then becomes of the message is delivery.h's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/store/deliveries.h"
#include "storage-service/store/delivery.h"
#include "storage-service/store/directory.h"

namespace restante::store {

// What an import or an append wants to keep. INVALID_REQUEST names the field.
absl::Status CheckProperties(const MessageProperties& properties);

class Ingest : public Deliveries {
 public:
  Ingest(DeliveryTools tools, Directory* directory)
      : tools_(std::move(tools)), directory_(directory) {}

  // Also TOO_LARGE, for a declared size above the limit.
  Task<absl::StatusOr<std::unique_ptr<Delivery>>> Begin(Envelope envelope) override;
  Task<std::vector<RecipientCheck>> CheckRecipients(std::vector<std::string> recipients,
                                                    uint64_t declared_octets) override;
  std::unique_ptr<RecipientWatch> WatchRecipients() override;

 private:
  Task<Addressee> LookUp(std::string recipient, uint64_t declared_octets);
  Task<std::vector<Addressee>> LookUpAll(std::vector<std::string> recipients,
                                         uint64_t declared_octets);

  const DeliveryTools tools_;
  Directory* const directory_;
};

}  // namespace restante::store
