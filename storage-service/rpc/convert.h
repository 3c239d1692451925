// Between the contract's messages and the store's values, field by field. Nothing
// is judged here but what the store's types can't hold: an error is always
// INVALID_REQUEST and names the field.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/timestamp.pb.h"
#include "restante/v1/accounts.pb.h"
#include "restante/v1/admin.pb.h"
#include "restante/v1/aliases.pb.h"
#include "restante/v1/delivery.pb.h"
#include "restante/v1/mailboxes.pb.h"
#include "restante/v1/maildrop.pb.h"
#include "restante/v1/messages.pb.h"
#include "restante/v1/types.pb.h"
#include "storage-service/store/store.h"

namespace restante::rpc {

absl::Status InvalidRequest(absl::string_view message);

// `value`, or `otherwise` when it is 0; more than `most` is an error.
absl::StatusOr<uint32_t> Limit(absl::string_view field, uint32_t value, uint32_t otherwise,
                               uint32_t most);

google::protobuf::Timestamp ToTimestamp(absl::Time time);

store::ClientInfo FromProto(const v1::ClientInfo& client);

// Accounts. A credential that is absent becomes an empty password, which the
// store refuses.
store::Credential FromProto(const v1::Credential& credential);
store::NewAccount FromProto(const v1::CreateAccountRequest& request);
store::NewAccount FromProto(const v1::ImportEntry& entry);
absl::StatusOr<store::AccountChange> ChangeOf(const v1::UpdateAccountRequest& request);
void ToProto(const store::AccountInfo& account, v1::Account* out);
absl::StatusOr<store::Pop3Policy> FromProto(const v1::Pop3Policy& policy);
void ToProto(const store::Pop3Policy& policy, v1::Pop3Policy* out);
absl::StatusOr<store::Pop3PolicyChange> ChangeOf(const v1::SetDomainPolicyRequest& request);
void ToProto(const store::DomainPolicy& policy, v1::DomainPolicy* out);
void ToProto(const store::DomainPolicies& policies, v1::ListDomainPoliciesResponse* out);

// Quotas; convert_quotas.cc.
//
// Takes a path of an update mask into the change: `prefix`, or one of its fields. False:
// it is something else.
bool NameQuota(absl::string_view path, absl::string_view prefix, const v1::Quota& quota,
               store::QuotaChange* change);
absl::StatusOr<store::DomainQuotaChange> ChangeOf(const v1::SetDomainQuotaRequest& request);
void ToProto(const store::Quota& quota, v1::Quota* out);
void ToProto(const store::DomainQuota& quota, v1::DomainQuota* out);
void ToProto(const store::DomainQuotaList& quotas, v1::ListDomainQuotasResponse* out);

// Filing rules; convert_filing.cc.
absl::StatusOr<store::FilingRules> FromProto(const v1::FilingRules& rules);
void ToProto(const store::FilingRules& rules, v1::FilingRules* out);
void ToProto(const store::DomainFiling& filing, v1::DomainFiling* out);

// Mailboxes and messages.
void ToProto(const store::MailboxStatus& status, v1::MailboxStatus* out);
void ToProto(store::MessageRow row, v1::MessageRow* out);
absl::StatusOr<std::vector<store::ReadPart>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::ReadPart>& parts);
void ToProto(store::ReadPiece piece, v1::ReadPiece* out);
void ToProto(store::ExpungedPage page, v1::ListExpungedResponse* out);
void ToProto(std::vector<store::UndeletedMessage> messages, v1::UndeleteMessagesResponse* out);

// Maildrops.
absl::StatusOr<store::SessionOptions> FromProto(const v1::SessionOptions& options);
void ToProto(const store::Pop3Announcement& announcement, v1::Pop3Announcement* out);
void ToProto(store::OpenedMaildrop opened, v1::MaildropSession* session,
             google::protobuf::RepeatedPtrField<v1::MaildropRow>* rows);
void ToProto(store::MaildropRowPage page, v1::RowsResponse* out);
std::vector<store::UidRange> FromProto(
    const google::protobuf::RepeatedPtrField<v1::UidRange>& ranges);

// Deliveries.
store::Envelope FromProto(v1::Envelope envelope);
void ToProto(const std::vector<store::RecipientResult>& results, v1::DeliverResponse* out);
void ToProto(const std::vector<store::RecipientCheck>& checks,
             v1::CheckRecipientsResponse* out);
void ToProto(const std::vector<store::RecipientCheck>& checks,
             v1::LookupRecipientsResponse* out);
void ToProto(store::AliasInfo alias, v1::Alias* out);
std::vector<std::string> FromProto(google::protobuf::RepeatedPtrField<std::string> strings);

// Verification.
void ToProto(store::VerifyFinding finding, v1::VerifyFinding* out);
void ToProto(const store::VerifySummary& summary, v1::VerifySummary* out);
void ToProto(const engine::BackupInfo& backup, v1::Backup* out);

}  // namespace restante::rpc
