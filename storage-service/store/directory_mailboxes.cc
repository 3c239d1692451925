// The directory's part in mailboxes: their names in their accounts, and new ones.
#include <openssl/sha.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/mailbox_names.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/usage.h"

namespace restante::store {
namespace {

// How often a name is looked for again because another mailbox was added meanwhile.
constexpr int kAttempts = 16;

// The same for each attempt to make a mailbox, so that one that failed in the middle
// leaves nothing that isn't used; another after a mailbox was added.
MailboxId IdOf(const AccountId& account, absl::string_view name, uint32_t next_uidvalidity) {
  const std::string input = absl::StrCat(account.AsOctets(), ":", next_uidvalidity, ":", name);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest);
  return *MailboxId::FromOctets(absl::string_view(reinterpret_cast<const char*>(digest), 16));
}

}  // namespace

Task<absl::StatusOr<std::shared_ptr<Usage>>> Directory::UsageOf(Entry account) {
  std::shared_ptr<Usage> usage = mailboxes_->usages().FindOrMake(account->id);
  if (usage->complete()) co_return usage;
  // Mailboxes that are loaded or made from here on report by themselves.
  const auto named = co_await records_->Mailboxes(account->id);
  if (!named.ok()) co_return named.status();
  for (const AccountRecords::NamedMailbox& entry : *named) {
    const auto mailbox = co_await mailboxes_->Find(entry.id);
    if (IsNoSuchMailbox(mailbox.status())) continue;  // deleted meanwhile
    if (!mailbox.ok()) co_return mailbox.status();
    (*mailbox)->ReportTo(usage);
  }
  usage->SetComplete();
  co_return usage;
}

Task<absl::StatusOr<std::vector<AccountId>>> Directory::ListAccountIds(AccountId after,
                                                                       size_t limit) {
  auto ids = co_await records_->List(after, limit);
  co_return ids;
}

Task<absl::StatusOr<Directory::Entry>> Directory::Peek(AccountId account) {
  const auto loaded = co_await records_->Load(account);
  if (!loaded.ok()) co_return loaded.status();
  co_return loaded->entry;
}

Task<absl::StatusOr<std::vector<Directory::NamedMailbox>>> Directory::MailboxesOf(
    AccountId account) {
  const auto records = co_await records_->Mailboxes(account);
  if (!records.ok()) co_return records.status();
  std::vector<NamedMailbox> mailboxes;
  for (const AccountRecords::NamedMailbox& record : *records) {
    mailboxes.push_back({record.name, record.id, record.uidvalidity, record.special_use});
  }
  co_return mailboxes;
}

Task<absl::StatusOr<Directory::NamedMailbox>> Directory::FindMailbox(Entry account,
                                                                     std::string name) {
  name = CanonicalMailboxName(name);
  if (name == kInbox) {
    co_return NamedMailbox{kInbox, account->inbox, account->inbox_uidvalidity};
  }
  const absl::Status legal = CheckMailboxName(name);
  if (!legal.ok()) co_return legal;
  const auto found = co_await records_->FindMailbox(account->id, name);
  if (!found.ok()) co_return found.status();
  if (!found->has_value()) {
    co_return MakeError(v1::ERROR_REASON_NO_SUCH_MAILBOX,
                        absl::StrCat(account->address, " has no mailbox \"",
                                     absl::Utf8SafeCHexEscape(name), "\""));
  }
  co_return NamedMailbox{(*found)->name, (*found)->id, (*found)->uidvalidity,
                         (*found)->special_use};
}

Task<absl::StatusOr<MailboxId>> Directory::FindOrMakeMailbox(AccountId account,
                                                             std::string name) {
  name = CanonicalMailboxName(name);
  const absl::Status legal = CheckMailboxName(name);
  if (!legal.ok()) co_return legal;
  absl::StatusOr<Made> made = co_await FindOrMake(account, std::move(name), 0);
  if (!made.ok()) co_return made.status();
  co_return made->mailbox.id;
}

Task<absl::StatusOr<Directory::Made>> Directory::FindOrMake(AccountId account, std::string name,
                                                            uint32_t special_use) {
  std::optional<MailboxId> made;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto found = co_await records_->FindMailbox(account, name);
    if (!found.ok()) co_return found.status();
    const auto next = co_await records_->NextUidvalidity(account);
    if (!next.ok()) co_return next.status();
    const MailboxId id = found->has_value() ? (*found)->id : IdOf(account, name, *next);
    if (made && *made != id) {
      // Others were quicker, and no name will ever lead to it.
      const absl::Status erased = co_await mailboxes_->Erase(*made);
      static_cast<void>(erased);
    }
    if (found->has_value()) {
      co_return Made{{name, id, (*found)->uidvalidity, (*found)->special_use}, false};
    }

    // What a failure after this leaves is found again by the next attempt.
    const absl::Status created =
        co_await mailboxes_->Create(id, account, std::max(*next, Seconds()));
    // Another makes it at this moment, under the same id.
    if (absl::IsAborted(created)) continue;
    if (!created.ok()) co_return created;
    made = id;
    const absl::StatusOr<MailboxStatus> status = co_await mailboxes_->Status(id);
    if (!status.ok()) co_return status.status();
    AccountRecords::NamedMailbox mailbox{name, id, status->uidvalidity, special_use};
    const absl::Status added = co_await records_->AddMailbox(account, std::move(mailbox));
    if (added.ok()) mailboxes_->watches().NoteMailboxes(account);
    if (added.ok()) co_return Made{{name, id, status->uidvalidity, special_use}, true};
    if (!absl::IsAlreadyExists(added)) co_return added;
  }
  co_return OverloadedError("too many changes of one account at once", absl::Milliseconds(200));
}

}  // namespace restante::store
