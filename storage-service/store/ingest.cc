#include "storage-service/store/ingest.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/join.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_state.h"

namespace restante::store {
namespace {

constexpr size_t kMostRecipients = 1000;
// Of all recipients of one delivery together.
constexpr size_t kMostDestinations = 10'000;
// The years 1 to 9999, which IMAP's dates can say.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kEndSecond = 253'402'300'800;

absl::Status CheckEnvelope(const Envelope& envelope) {
  if (envelope.recipients.empty() || envelope.recipients.size() > kMostRecipients) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     absl::StrCat("envelope.recipients: there are ", envelope.recipients.size(),
                                  "; 1 to ", kMostRecipients, " are taken"));
  }
  if (envelope.delivery_id.size() > kMostDeliveryIdOctets) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     absl::StrCat("envelope.delivery_id has ", envelope.delivery_id.size(),
                                  " octets; at most ", kMostDeliveryIdOctets));
  }
  return CheckProperties(envelope.properties);
}

}  // namespace

absl::Status CheckProperties(const MessageProperties& properties) {
  const std::optional<absl::Time>& date = properties.internal_date;
  if (date && (*date < absl::FromUnixSeconds(kFirstSecond) ||
               *date >= absl::FromUnixSeconds(kEndSecond))) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     "properties.internal_date isn't within the years 1 to 9999");
  }
  StoredRow scratch;
  return SetFlags(properties.flags, scratch);
}

Task<Addressee> Ingest::LookUp(std::string recipient, uint64_t declared_octets) {
  absl::StatusOr<Directory::Route> route =
      co_await directory_->FindRecipient(std::move(recipient));
  Addressee addressee{route.status(), {}, {}};
  if (!route.ok()) co_return addressee;
  addressee.alias = std::move(route->alias);
  addressee.status = tools_.engine->CheckRoom();
  for (size_t i = 0; i < route->accounts.size(); ++i) {
    Destination& destination = addressee.destinations.emplace_back();
    destination.account = std::move(route->accounts[i]);
    destination.detail = std::move(route->details[i]);
    destination.filing = directory_->FilingOf(*destination.account);
    absl::StatusOr<QuotaClaim> quota =
        co_await directory_->QuotaOf(destination.account, Directory::For::kDelivery);
    if (!quota.ok()) {
      addressee.status.Update(quota.status());
      continue;
    }
    destination.quota = *std::move(quota);
    addressee.status.Update(destination.quota.Check({declared_octets, 1}));
  }
  co_return addressee;
}

Task<std::vector<Addressee>> Ingest::LookUpAll(std::vector<std::string> recipients,
                                               uint64_t declared_octets) {
  std::vector<Task<Addressee>> searches;
  for (std::string& recipient : recipients) {
    searches.push_back(LookUp(std::move(recipient), declared_octets));
  }
  std::vector<Addressee> addressees = co_await JoinAll(std::move(searches));
  co_return addressees;
}

Task<absl::StatusOr<std::unique_ptr<Delivery>>> Ingest::Begin(Envelope envelope) {
  absl::Status legal = CheckEnvelope(envelope);
  if (!legal.ok()) co_return legal;
  if (envelope.declared_octets > tools_.max_message_octets) {
    co_return TooLarge(tools_.max_message_octets);
  }
  std::vector<Addressee> addressees =
      co_await LookUpAll(std::move(envelope.recipients), envelope.declared_octets);
  size_t destinations = 0;
  for (Addressee& addressee : addressees) {
    if (!addressee.status.ok()) continue;
    destinations += addressee.destinations.size();
    if (destinations <= kMostDestinations) continue;
    destinations -= addressee.destinations.size();
    addressee.status =
        OverloadedError(absl::StrCat("this delivery's recipients lead to more than ",
                                     kMostDestinations, " accounts; deliver to fewer at once"),
                        absl::Seconds(1));
  }
  std::unique_ptr<Delivery> delivery =
      std::make_unique<IncomingMessage>(tools_, std::move(envelope), std::move(addressees));
  co_return delivery;
}

Task<std::vector<RecipientCheck>> Ingest::CheckRecipients(std::vector<std::string> recipients,
                                                          uint64_t declared_octets) {
  const bool too_large = declared_octets > tools_.max_message_octets;
  std::vector<Addressee> addressees =
      co_await LookUpAll(std::move(recipients), too_large ? 0 : declared_octets);
  std::vector<RecipientCheck> checks;
  for (Addressee& addressee : addressees) {
    RecipientCheck& check = checks.emplace_back();
    check.status = too_large ? TooLarge(tools_.max_message_octets) : addressee.status;
    check.alias = std::move(addressee.alias);
    for (const Destination& destination : addressee.destinations) {
      check.accounts.push_back({destination.account->address, destination.account->disabled});
    }
  }
  co_return checks;
}

std::unique_ptr<RecipientWatch> Ingest::WatchRecipients() {
  return directory_->recipient_changes().Listen();
}

}  // namespace restante::store
