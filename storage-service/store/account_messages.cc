// What IMAP services change in an account's mailboxes, message by message.
#include <algorithm>
#include <utility>

#include "common/errors.h"
#include "storage-service/store/account_mailboxes.h"
#include "storage-service/store/append.h"
#include "storage-service/store/copy.h"
#include "storage-service/store/expunge.h"
#include "storage-service/store/flags.h"
#include "storage-service/store/mailbox_counters.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/mailbox_state.h"

namespace restante::store {

Task<absl::StatusOr<FlagsAnswer>> AccountMailboxes::StoreFlags(std::string address,
                                                               std::string mailbox,
                                                               std::vector<UidRange> uids,
                                                               FlagChange change,
                                                               uint32_t limit) {
  const absl::StatusOr<uint32_t> most = RowLimit(limit);
  if (!most.ok()) co_return most.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  absl::StatusOr<FlagsAnswer> answer = co_await ChangeFlags(
      engine_, *std::move(found), std::move(uids), std::move(change), *most);
  co_return answer;
}

Task<absl::StatusOr<ExpungeAnswer>> AccountMailboxes::Expunge(std::string address,
                                                              std::string mailbox,
                                                              std::vector<UidRange> uids,
                                                              bool only_deleted,
                                                              uint32_t limit) {
  const absl::StatusOr<uint32_t> most = RowLimit(limit);
  if (!most.ok()) co_return most.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  absl::StatusOr<ExpungeAnswer> answer = co_await ExpungeRows(
      engine_, *found, std::move(uids), only_deleted, *most, clock_->Now());
  // After a failure the rows may be expunged all the same.
  if (!answer.ok() || !answer->uids.empty()) expunged_((*found)->id());
  co_return answer;
}

Task<absl::StatusOr<RecentMessages>> AccountMailboxes::ClaimRecent(std::string address,
                                                                   std::string mailbox) {
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  absl::Status counted = co_await EnsureCounted(engine_, *found);
  if (!counted.ok()) co_return counted;
  RecentMessages recent;
  const auto claim = [&recent](Head& head) {
    recent = {std::max(head.recent_from_uid, 1u), head.uid_next};
    head.recent_from_uid = head.uid_next;
    head.recent_count = 0;
  };
  // A mailbox without news is opened without a commit.
  Head head = (*found)->durable();
  if (head.recent_from_uid == head.uid_next) {
    claim(head);
    co_return recent;
  }
  Mailbox::Plan plan = [&claim](Head& next, Change&) {
    claim(next);
    return absl::OkStatus();
  };
  CommitResult result = co_await (*found)->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  co_return recent;
}

Task<absl::StatusOr<std::shared_ptr<Mailbox>>> AccountMailboxes::FindIn(
    Directory::Entry account, std::string name) {
  absl::StatusOr<Directory::NamedMailbox> named =
      co_await directory_->FindMailbox(std::move(account), std::move(name));
  if (!named.ok()) co_return named.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox = co_await mailboxes_->Find(named->id);
  co_return mailbox;
}

Task<absl::StatusOr<CopyAnswer>> AccountMailboxes::Copy(std::string address,
                                                        std::string mailbox,
                                                        std::vector<UidRange> uids,
                                                        std::string target) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> from = co_await FindIn(*account, std::move(mailbox));
  if (!from.ok()) co_return from.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> to = co_await FindIn(*account, std::move(target));
  if (!to.ok()) co_return to.status();
  absl::StatusOr<QuotaClaim> quota =
      co_await directory_->QuotaOf(*std::move(account), Directory::For::kUser);
  if (!quota.ok()) co_return quota.status();
  absl::StatusOr<CopyAnswer> answer =
      co_await CopyMessages(Tools(), *std::move(quota), *std::move(from), *std::move(to),
                            std::move(uids), clock_->Now());
  co_return answer;
}

Task<absl::StatusOr<CopyAnswer>> AccountMailboxes::Move(std::string address,
                                                        std::string mailbox,
                                                        std::vector<UidRange> uids,
                                                        std::string target, uint32_t limit) {
  const absl::StatusOr<uint32_t> most = RowLimit(limit);
  if (!most.ok()) co_return most.status();
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> from = co_await FindIn(*account, std::move(mailbox));
  if (!from.ok()) co_return from.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> to = co_await FindIn(*account, std::move(target));
  if (!to.ok()) co_return to.status();
  absl::StatusOr<CopyAnswer> answer = co_await MoveMessages(
      Tools(), *from, *std::move(to), std::move(uids), *most, clock_->Now());
  // After a failure the rows may be expunged all the same.
  if (!answer.ok() || !answer->messages.empty()) expunged_((*from)->id());
  co_return answer;
}

Task<absl::StatusOr<std::unique_ptr<Appending>>> AccountMailboxes::Append(std::string address,
                                                                          std::string mailbox) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> to = co_await FindIn(*account, std::move(mailbox));
  if (!to.ok()) co_return to.status();
  absl::StatusOr<QuotaClaim> quota =
      co_await directory_->QuotaOf(*std::move(account), Directory::For::kUser);
  if (!quota.ok()) co_return quota.status();
  std::unique_ptr<Appending> appending =
      std::make_unique<AppendedMessages>(delivery_, *std::move(quota), *std::move(to));
  co_return appending;
}

Task<absl::StatusOr<std::vector<uint32_t>>> AccountMailboxes::FindAppended(
    std::string address, std::string mailbox, std::vector<std::string> ids) {
  absl::StatusOr<std::shared_ptr<Mailbox>> found = co_await store::FindMailbox(
      directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  const absl::Time now = clock_->Now();
  std::vector<uint32_t> uids;
  for (const std::string& id : ids) {
    absl::StatusOr<std::optional<DeliveryRecord>> record =
        co_await delivery_.ids->Find((*found)->id(), DeliveryKeyOf(id, 0), now);
    if (!record.ok()) co_return record.status();
    uids.push_back(record->has_value() ? (*record)->uid : 0);
  }
  co_return uids;
}

}  // namespace restante::store
