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
constexpr size_t kMostIdOctets = 255;
// The years 1 to 9999, which IMAP's dates can say.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kEndSecond = 253'402'300'800;

absl::Status CheckEnvelope(const Envelope& envelope) {
  if (envelope.recipients.empty() || envelope.recipients.size() > kMostRecipients) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     absl::StrCat("envelope.recipients: there are ", envelope.recipients.size(),
                                  "; 1 to ", kMostRecipients, " are taken"));
  }
  if (envelope.delivery_id.size() > kMostIdOctets) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     absl::StrCat("envelope.delivery_id has ", envelope.delivery_id.size(),
                                  " octets; at most ", kMostIdOctets));
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
  absl::StatusOr<Directory::Entry> account =
      co_await directory_->FindRecipient(std::move(recipient));
  if (!account.ok()) co_return Addressee{account.status(), nullptr};
  absl::Status room = tools_.engine->CheckRoom();
  if (!room.ok()) co_return Addressee{std::move(room), nullptr};
  const AccountEntry& entry = **account;
  std::shared_ptr<AccountUsage> usage;
  if (entry.quota_octets > 0) {
    absl::StatusOr<std::shared_ptr<AccountUsage>> known =
        co_await directory_->UsageOf(*account);
    if (!known.ok()) co_return Addressee{known.status(), nullptr};
    usage = *std::move(known);
    if (declared_octets > 0 && usage->total() + declared_octets > entry.quota_octets) {
      co_return Addressee{OverQuota(entry), nullptr};
    }
  }
  co_return Addressee{absl::OkStatus(), *std::move(account), std::move(usage)};
}

Task<absl::StatusOr<std::unique_ptr<Delivery>>> Ingest::Begin(Envelope envelope) {
  absl::Status legal = CheckEnvelope(envelope);
  if (!legal.ok()) co_return legal;
  if (envelope.declared_octets > tools_.max_message_octets) {
    co_return TooLarge(tools_.max_message_octets);
  }
  std::vector<Task<Addressee>> searches;
  for (std::string& recipient : envelope.recipients) {
    searches.push_back(LookUp(std::move(recipient), envelope.declared_octets));
  }
  std::vector<Addressee> addressees = co_await JoinAll(std::move(searches));
  std::unique_ptr<Delivery> delivery =
      std::make_unique<IncomingMessage>(tools_, std::move(envelope), std::move(addressees));
  co_return delivery;
}

Task<std::vector<absl::Status>> Ingest::CheckRecipients(std::vector<std::string> recipients,
                                                        uint64_t declared_octets) {
  if (declared_octets > tools_.max_message_octets) {
    co_return std::vector<absl::Status>(recipients.size(), TooLarge(tools_.max_message_octets));
  }
  std::vector<Task<Addressee>> searches;
  for (std::string& recipient : recipients) {
    searches.push_back(LookUp(std::move(recipient), declared_octets));
  }
  std::vector<Addressee> addressees = co_await JoinAll(std::move(searches));
  std::vector<absl::Status> statuses;
  for (const Addressee& addressee : addressees) statuses.push_back(addressee.status);
  co_return statuses;
}

}  // namespace restante::store
