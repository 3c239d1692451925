#include "storage-service/store/account_mailboxes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/mailbox_state.h"

namespace restante::store {
namespace {

constexpr char kInbox[] = "INBOX";
constexpr uint32_t kMostRows = 4096;
constexpr uint32_t kUsualRows = 1024;

}  // namespace

Task<absl::StatusOr<std::shared_ptr<Mailbox>>> FindMailbox(Directory* directory,
                                                           MailboxTable* mailboxes,
                                                           std::string address,
                                                           std::string name) {
  absl::StatusOr<Directory::Entry> account = co_await directory->Find(std::move(address));
  if (!account.ok()) co_return account.status();
  if (!name.empty() && !absl::EqualsIgnoreCase(name, kInbox)) {
    co_return MakeError(v1::ERROR_REASON_NO_SUCH_MAILBOX,
                        absl::StrCat((*account)->address, " has no mailbox \"", name, "\""));
  }
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox =
      co_await mailboxes->Find((*account)->inbox);
  co_return mailbox;
}

Task<absl::StatusOr<std::vector<MailboxStatus>>> AccountMailboxes::List(std::string address) {
  absl::StatusOr<MailboxStatus> inbox = co_await Get(std::move(address), kInbox);
  if (!inbox.ok()) co_return inbox.status();
  co_return std::vector<MailboxStatus>{*std::move(inbox)};
}

Task<absl::StatusOr<MailboxStatus>> AccountMailboxes::Get(std::string address,
                                                          std::string mailbox) {
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  absl::StatusOr<MailboxStatus> status = co_await mailboxes_->Status((*found)->id());
  if (status.ok()) status->name = kInbox;
  co_return status;
}

Task<absl::StatusOr<RowPage>> AccountMailboxes::ListMessages(std::string address,
                                                             std::string mailbox,
                                                             uint32_t after_uid,
                                                             uint32_t limit) {
  if (limit > kMostRows) {
    co_return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                        absl::StrCat("limit is ", limit, "; at most ", kMostRows));
  }
  if (limit == 0) limit = kUsualRows;
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  const Head head = (*found)->durable();
  RowPage page;
  uint32_t next = after_uid == UINT32_MAX ? 0 : std::max(after_uid + 1, head.low_uid);
  while (next != 0 && page.rows.size() < limit) {
    absl::StatusOr<RowScan> scan = co_await ScanRows(engine_, (*found)->id(), next,
                                                     head.uid_next, limit - page.rows.size());
    if (!scan.ok()) co_return scan.status();
    for (const auto& [uid, row] : scan->rows) page.rows.push_back(row.AsMessage(uid));
    next = scan->next_uid;
  }
  page.end = next == 0;
  co_return page;
}

Task<absl::StatusOr<Changes>> AccountMailboxes::ChangesSince(std::string address,
                                                             std::string mailbox,
                                                             uint64_t since_modseq) {
  absl::StatusOr<std::shared_ptr<Mailbox>> found =
      co_await FindMailbox(directory_, mailboxes_, std::move(address), std::move(mailbox));
  if (!found.ok()) co_return found.status();
  const MailboxId id = (*found)->id();
  const Head head = (*found)->durable();
  if (since_modseq < head.log_floor_modseq) {
    co_return absl::OutOfRangeError(
        absl::StrCat("the change log begins after MODSEQ ", head.log_floor_modseq));
  }
  Changes changes;
  changes.highest_modseq = head.highest_modseq;
  if (since_modseq >= head.highest_modseq) co_return changes;
  // What changes during the scan moves towards its end, and is told again the next
  // time, since the answer's MODSEQ is the one of before.
  std::string begin = ModseqKey(kChangePrefix, since_modseq + 1, 0);
  while (!begin.empty()) {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine_, id, begin, EndOf(kChangePrefix), kUsualRows);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      absl::StatusOr<ModseqAndUid> place = ParseModseqKey(key);
      if (!place.ok()) co_return place.status();
      const uint32_t uid = place->uid;
      if (uid >= head.uid_next) continue;
      absl::StatusOr<std::optional<StoredRow>> row = co_await ReadRow(engine_, id, uid);
      if (!row.ok()) co_return row.status();
      if (row->has_value()) changes.changed.push_back((*row)->AsMessage(uid));
    }
    begin = std::move(page->next);
  }
  std::sort(changes.changed.begin(), changes.changed.end(),
            [](const MessageRow& a, const MessageRow& b) { return a.uid < b.uid; });
  const auto last =
      std::unique(changes.changed.begin(), changes.changed.end(),
                  [](const MessageRow& a, const MessageRow& b) { return a.uid == b.uid; });
  changes.changed.erase(last, changes.changed.end());

  absl::StatusOr<std::vector<LeftSince>> left =
      co_await ScanLeftSince(engine_, id, since_modseq);
  if (!left.ok()) co_return left.status();
  for (const LeftSince& entry : *left) changes.vanished.push_back(entry.row.uid);
  // Seen alive, then expunged.
  std::erase_if(changes.changed, [&](const MessageRow& row) {
    return std::binary_search(changes.vanished.begin(), changes.vanished.end(), row.uid);
  });
  co_return changes;
}

}  // namespace restante::store
