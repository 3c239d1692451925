#include "storage-service/store/account_mailboxes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/change_log.h"
#include "storage-service/store/mailbox_counters.h"
#include "storage-service/store/mailbox_names.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/uid_runs.h"
#include "storage-service/store/undelete.h"

namespace restante::store {
absl::StatusOr<uint32_t> RowLimit(uint32_t asked) {
  if (asked > kMostRows) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     absl::StrCat("limit is ", asked, "; at most ", kMostRows));
  }
  return asked == 0 ? kUsualRows : asked;
}

Task<absl::StatusOr<std::shared_ptr<Mailbox>>> FindMailbox(Directory* directory,
                                                           MailboxTable* mailboxes,
                                                           std::string address,
                                                           std::string name) {
  absl::StatusOr<Directory::Entry> account = co_await directory->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<Directory::NamedMailbox> named =
      co_await directory->FindMailbox(*account, std::move(name));
  if (!named.ok()) co_return named.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox = co_await mailboxes->Find(named->id);
  co_return mailbox;
}

Task<absl::StatusOr<std::vector<MailboxStatus>>> AccountMailboxes::List(std::string address) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<std::vector<Directory::NamedMailbox>> named =
      co_await directory_->MailboxesOf((*account)->id);
  if (!named.ok()) co_return named.status();
  absl::StatusOr<std::vector<std::string>> subscriptions =
      co_await directory_->SubscriptionsOf((*account)->id);
  if (!subscriptions.ok()) co_return subscriptions.status();
  std::vector<MailboxStatus> statuses;
  for (Directory::NamedMailbox& mailbox : *named) {
    const bool inbox = mailbox.id == (*account)->inbox;
    absl::StatusOr<MailboxStatus> status = co_await StatusFor(std::move(mailbox));
    const bool gone = ReasonOf(status.status()) == v1::ERROR_REASON_NO_SUCH_MAILBOX;
    if (gone && !inbox) continue;  // deleted meanwhile
    if (!status.ok()) co_return status.status();
    status->subscribed =
        std::binary_search(subscriptions->begin(), subscriptions->end(), status->name);
    statuses.push_back(*std::move(status));
  }
  co_return statuses;
}

Task<absl::StatusOr<MailboxStatus>> AccountMailboxes::Get(std::string address,
                                                          std::string mailbox) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  absl::StatusOr<Directory::NamedMailbox> named =
      co_await directory_->FindMailbox(*account, std::move(mailbox));
  if (!named.ok()) co_return named.status();
  absl::StatusOr<MailboxStatus> status = co_await StatusFor(*std::move(named));
  if (!status.ok()) co_return status.status();
  absl::StatusOr<bool> subscribed = co_await directory_->IsSubscribed(*account, status->name);
  if (!subscribed.ok()) co_return subscribed.status();
  status->subscribed = *subscribed;
  co_return status;
}

Task<absl::StatusOr<MailboxStatus>> AccountMailboxes::StatusFor(Directory::NamedMailbox named) {
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox = co_await mailboxes_->Find(named.id);
  if (!mailbox.ok()) co_return mailbox.status();
  absl::Status counted = co_await EnsureCounted(engine_, *mailbox);
  if (!counted.ok()) co_return counted;
  MailboxStatus status = StatusOf(named.id, (*mailbox)->durable());
  status.name = std::move(named.name);
  status.special_use = SpecialUseNames(named.special_use);
  co_return status;
}

Task<absl::StatusOr<RowPage>> AccountMailboxes::QueryMessages(std::string address,
                                                              std::string mailbox,
                                                              RowQuery query) {
  const absl::StatusOr<uint32_t> limit = RowLimit(query.limit);
  if (!limit.ok()) co_return limit.status();
  if (query.uids.empty()) query.uids.push_back({1, UINT32_MAX});
  absl::Status legal = CheckUids(query.uids);
  if (!legal.ok()) co_return legal;
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  const Head head = (*found)->durable();
  RowPage page;
  page.highest_modseq = head.highest_modseq;
  if (query.after_uid >= head.uid_next || query.after_modseq >= head.highest_modseq) {
    page.end = true;
    co_return page;
  }
  const uint32_t first = std::max(query.after_uid + 1, head.low_uid);
  const std::vector<UidRange> runs = Clipped(std::move(query.uids), first, head.uid_next);
  uint32_t next = runs.empty() ? 0 : first;
  page.rows.reserve(std::min<uint64_t>(*limit, head.message_count));
  uint32_t first_left_out = 0;
  const auto take = [&](uint32_t uid, const StoredRow& row) {
    if (row.modseq <= query.after_modseq || first_left_out != 0) return;
    if (page.rows.size() == *limit) {
      first_left_out = uid;
    } else {
      page.rows.push_back(row.AsMessage(uid));
    }
  };
  while (next != 0 && first_left_out == 0 && page.rows.size() < *limit) {
    const size_t room = std::min(*limit - page.rows.size(), kPageRows);
    const absl::StatusOr<uint32_t> visited = co_await VisitRuns(
        engine_, (*found)->id(), runs, next, query.after_modseq == 0 ? room : kPageRows, take);
    if (!visited.ok()) co_return visited.status();
    next = *visited;
  }
  if (first_left_out != 0) next = first_left_out;
  page.end = next == 0;
  co_return page;
}

Task<absl::StatusOr<Changes>> AccountMailboxes::ListChanges(std::string address,
                                                            std::string mailbox,
                                                            ChangePlace after, uint32_t limit) {
  const absl::StatusOr<uint32_t> most = RowLimit(limit);
  if (!most.ok()) co_return most.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  absl::StatusOr<Changes> changes =
      co_await ReadChangeLog(engine_, *std::move(found), after, *most);
  co_return changes;
}

Task<absl::StatusOr<ExpungedPage>> AccountMailboxes::ListExpunged(std::string address,
                                                                  std::string mailbox,
                                                                  uint64_t after_modseq,
                                                                  uint32_t after_uid,
                                                                  uint32_t limit) {
  const absl::StatusOr<uint32_t> most = RowLimit(limit);
  if (!most.ok()) co_return most.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  absl::StatusOr<ExpungedPage> page = co_await ListExpungedRows(
      engine_, *std::move(found), ModseqAndUid{after_modseq, after_uid}, *most,
      clock_->Now() - grace_);
  co_return page;
}

Task<absl::StatusOr<std::vector<UndeletedMessage>>> AccountMailboxes::Undelete(
    std::string address, std::string mailbox, std::vector<uint32_t> uids) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->Find(address);
  if (!account.ok()) co_return account.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  absl::StatusOr<QuotaClaim> quota =
      co_await directory_->QuotaOf(*std::move(account), Directory::For::kUser);
  if (!quota.ok()) co_return quota.status();
  const absl::Time now = clock_->Now();
  absl::StatusOr<std::vector<UndeletedMessage>> undeleted =
      co_await UndeleteRows(engine_, &mailboxes_->bodies(), *std::move(quota),
                            *std::move(found), std::move(uids), now, now - grace_);
  co_return undeleted;
}

}  // namespace restante::store
