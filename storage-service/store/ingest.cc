#include "storage-service/store/ingest.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/join.h"
#include "storage-service/store/mailbox_state.h"

namespace restante::store {
namespace {

constexpr size_t kMostRecipients = 1000;
constexpr size_t kMostIdOctets = 255;

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
  return absl::OkStatus();
}

}  // namespace

Task<Addressee> Ingest::LookUp(std::string recipient, uint64_t declared_octets) {
  absl::StatusOr<Directory::Entry> account =
      co_await directory_->FindRecipient(std::move(recipient));
  if (!account.ok()) co_return Addressee{account.status(), nullptr};
  const AccountEntry& entry = **account;
  if (entry.quota_octets > 0 && declared_octets > 0) {
    absl::StatusOr<std::shared_ptr<Mailbox>> inbox =
        co_await tools_.mailboxes->Find(entry.inbox);
    if (!inbox.ok()) co_return Addressee{inbox.status(), nullptr};
    if ((*inbox)->submitted().octets + declared_octets > entry.quota_octets) {
      co_return Addressee{OverQuota(entry), nullptr};
    }
  }
  co_return Addressee{absl::OkStatus(), *std::move(account)};
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
  std::unique_ptr<Delivery> delivery = std::make_unique<IncomingMessage>(
      tools_, std::move(envelope.delivery_id), std::move(addressees));
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
