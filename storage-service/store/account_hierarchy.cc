// Mailboxes of an account as IMAP services make, rename, delete and watch them; the
// names are the directory's.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_mailboxes.h"
#include "storage-service/store/account_watch.h"
#include "storage-service/store/copy.h"
#include "storage-service/store/mailbox_names.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/store_failure.h"

namespace restante::store {

Task<absl::StatusOr<MailboxStatus>> AccountMailboxes::Create(
    std::string address, std::string mailbox, std::vector<std::string> special_use) {
  const absl::StatusOr<uint32_t> bits = SpecialUseBits(special_use);
  if (!bits.ok()) co_return bits.status();
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<Directory::NamedMailbox> made =
      co_await directory_->CreateMailbox(*std::move(account), std::move(mailbox), *bits);
  if (!made.ok()) co_return made.status();
  absl::StatusOr<MailboxStatus> status = co_await StatusFor(*std::move(made));
  co_return status;
}

Task<absl::Status> AccountMailboxes::Rename(std::string address, std::string mailbox,
                                            std::string new_name) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  if (CanonicalMailboxName(mailbox) == CanonicalMailboxName("")) {
    absl::Status moved = co_await RenameInbox(*std::move(account), std::move(new_name));
    co_return moved;
  }
  absl::Status renamed = co_await directory_->RenameMailbox(
      *std::move(account), std::move(mailbox), std::move(new_name));
  co_return renamed;
}

Task<absl::Status> AccountMailboxes::RenameInbox(Directory::Entry account,
                                                 std::string new_name) {
  // RFC 9051, section 6.3.6: the messages go, INBOX and what is below it stay.
  absl::StatusOr<std::shared_ptr<Mailbox>> inbox = co_await mailboxes_->Find(account->inbox);
  if (!inbox.ok()) co_return inbox.status();
  absl::StatusOr<Directory::NamedMailbox> made =
      co_await directory_->CreateMailbox(std::move(account), std::move(new_name), 0);
  if (!made.ok()) co_return made.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> to = co_await mailboxes_->Find(made->id);
  if (!to.ok()) co_return to.status();
  uint32_t next = 1;
  while (next != 0) {
    std::vector<UidRange> rest;
    rest.push_back({next, UINT32_MAX});
    absl::StatusOr<CopyAnswer> moved =
        co_await MoveMessages(Tools(), *inbox, *to, std::move(rest), kMostRows, clock_->Now());
    expunged_((*inbox)->id());
    if (!moved.ok()) co_return moved.status();
    next = moved->next_uid;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> AccountMailboxes::Delete(std::string address, std::string mailbox) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<Directory::NamedMailbox> named =
      co_await directory_->FindMailbox(*account, std::move(mailbox));
  if (!named.ok()) co_return named.status();
  const MailboxId id = named->id;
  absl::Status deleted =
      co_await directory_->DeleteMailbox(*std::move(account), *std::move(named));
  deleted_(id);
  co_return deleted;
}

Task<absl::StatusOr<MailboxStatus>> AccountMailboxes::AdoptUids(std::string address,
                                                                std::string mailbox,
                                                                uint32_t uidvalidity,
                                                                uint32_t uid_next) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<Directory::NamedMailbox> named =
      co_await directory_->FindMailbox(*account, std::move(mailbox));
  if (!named.ok()) co_return named.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> found = co_await mailboxes_->Find(named->id);
  if (!found.ok()) co_return found.status();
  Mailbox::Plan plan = [uidvalidity, uid_next](Head& head, Change&) -> absl::Status {
    if (uidvalidity != 0 && uidvalidity != head.uidvalidity) {
      if (head.uid_next != 1) {
        return MakeError(
            v1::ERROR_REASON_INVALID_REQUEST,
            absl::StrCat("uidvalidity: the mailbox has given out UIDs under ", head.uidvalidity,
                         "; only one that never had a message takes another"));
      }
      head.uidvalidity = uidvalidity;
    }
    head.uid_next = std::max(head.uid_next, uid_next);
    return absl::OkStatus();
  };
  CommitResult result = co_await (*found)->Commit(std::move(plan));
  if (!result.status.ok()) co_return WithReason(result.status);
  // The mailbox's own record has the last word; the account's says the same for lists.
  const uint32_t now = (*found)->durable().uidvalidity;
  if (named->uidvalidity != now) {
    named->uidvalidity = now;
    absl::Status set = co_await directory_->SetUidvalidity(*account, *named);
    if (!set.ok()) co_return WithReason(set);
  }
  absl::StatusOr<MailboxStatus> status = co_await StatusFor(*std::move(named));
  co_return status;
}

Task<absl::Status> AccountMailboxes::SetSpecialUse(std::string address, std::string mailbox,
                                                   std::vector<std::string> special_use) {
  const absl::StatusOr<uint32_t> bits = SpecialUseBits(special_use);
  if (!bits.ok()) co_return bits.status();
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::Status set =
      co_await directory_->SetSpecialUse(*std::move(account), std::move(mailbox), *bits);
  co_return set;
}

Task<absl::Status> AccountMailboxes::SetSubscribed(std::string address, std::string mailbox,
                                                   bool subscribed) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::Status set =
      co_await directory_->SetSubscribed(*std::move(account), std::move(mailbox), subscribed);
  co_return set;
}

Task<absl::StatusOr<std::vector<std::string>>> AccountMailboxes::Subscriptions(
    std::string address) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<std::vector<std::string>> names =
      co_await directory_->SubscriptionsOf((*account)->id);
  co_return names;
}

Task<absl::StatusOr<std::unique_ptr<MailboxWatch>>> AccountMailboxes::Watch(
    std::string address, WatchRequest request) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  auto watch = std::make_unique<AccountWatch>(engine_, directory_, mailboxes_, (*account)->id,
                                              std::move(request));
  absl::Status started = co_await watch->Start();
  if (!started.ok()) co_return started;
  std::unique_ptr<MailboxWatch> made = std::move(watch);
  co_return made;
}

}  // namespace restante::store
