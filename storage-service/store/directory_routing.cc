// The directory's part in which mailbox of an account a message is delivered to.
#include <string>
#include <utility>

#include "storage-service/store/account_records.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_names.h"
#include "storage-service/store/pop3_policy.h"

namespace restante::store {
namespace {

// Whoever writes to an address chooses its detail, and has no business among what the
// user has sent, drafted or thrown away. Spam filters write to `user+spam`.
bool IsForMailFromOutside(const AccountRecords::NamedMailbox& mailbox) {
  return (mailbox.special_use & ~kJunkUse) == 0;
}

Directory::NamedMailbox NamedOf(const AccountRecords::NamedMailbox& record) {
  return {record.name, record.id, record.uidvalidity, record.special_use};
}

}  // namespace

Task<absl::StatusOr<Directory::NamedMailbox>> Directory::FindForDetail(Entry account,
                                                                       std::string detail) {
  const NamedMailbox inbox{kInbox, account->inbox, account->inbox_uidvalidity, 0};
  detail = CanonicalMailboxName(detail);
  if (!CheckMailboxName(detail).ok()) co_return inbox;  // INBOX itself among them
  const auto exact = co_await records_->FindMailbox(account->id, detail);
  if (!exact.ok()) co_return exact.status();
  if (exact->has_value()) {
    if (!IsForMailFromOutside(**exact)) co_return inbox;
    co_return NamedOf(**exact);
  }
  const auto all = co_await records_->Mailboxes(account->id);
  if (!all.ok()) co_return all.status();
  const AccountRecords::NamedMailbox* meant = nullptr;
  for (const AccountRecords::NamedMailbox& mailbox : *all) {
    if (!DifferInCaseOnly(mailbox.name, detail)) continue;
    if (meant != nullptr) co_return inbox;
    meant = &mailbox;
  }
  if (meant == nullptr || !IsForMailFromOutside(*meant)) co_return inbox;
  co_return NamedOf(*meant);
}

}  // namespace restante::store
