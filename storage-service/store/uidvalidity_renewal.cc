#include "storage-service/store/uidvalidity_renewal.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/concurrently.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailbox_table.h"

namespace restante::store {
namespace {

constexpr size_t kAccountsPerPage = 1024;
constexpr size_t kAccountsAtOnce = 64;

bool IsNoLongerThere(const absl::Status& status) {
  const v1::ErrorReason reason = ReasonOf(status);
  return reason == v1::ERROR_REASON_NO_SUCH_MAILBOX ||
         reason == v1::ERROR_REASON_NO_SUCH_ACCOUNT;
}

// The mailbox's own record has the last word; the account's says the same for lists.
Task<absl::Status> RenewMailbox(AccountRecords* records, MailboxTable* mailboxes,
                                AccountId account, AccountRecords::NamedMailbox named,
                                uint32_t least) {
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox = co_await mailboxes->Find(named.id);
  // An account that lost its mailbox is for `verify` to report.
  if (!mailbox.ok())
    co_return IsNoLongerThere(mailbox.status()) ? absl::OkStatus() : mailbox.status();
  Mailbox::Plan plan = [&named, least](Head& head, Change&) {
    head.uidvalidity = std::max(head.uidvalidity + 1, least);
    named.uidvalidity = head.uidvalidity;
    return absl::OkStatus();
  };
  CommitResult result = co_await (*mailbox)->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  absl::Status set = co_await records->SetUidvalidity(account, named);
  co_return set;
}

Task<absl::Status> RenewAccount(AccountRecords* records, MailboxTable* mailboxes,
                                AccountId account, uint32_t least) {
  const auto next = co_await records->NextUidvalidity(account);
  if (!next.ok()) co_return IsNoLongerThere(next.status()) ? absl::OkStatus() : next.status();
  least = std::max(least, *next);
  auto named = co_await records->Mailboxes(account);
  if (!named.ok()) co_return named.status();
  for (AccountRecords::NamedMailbox& mailbox : *named) {
    // No two of one account have had the same.
    absl::Status renewed =
        co_await RenewMailbox(records, mailboxes, account, std::move(mailbox), least++);
    if (!renewed.ok()) co_return renewed;
  }
  co_return absl::OkStatus();
}

}  // namespace

Task<absl::Status> RenewUidvalidities(engine::Engine* engine, MailboxTable* mailboxes,
                                      absl::Time now) {
  LogWarning("store", "Mailboxes get new UIDVALIDITYs, because commits may be missing");
  AccountRecords records(engine);
  // UIDVALIDITYs are seconds: one of now is above all that were given out.
  const auto least = static_cast<uint32_t>(absl::ToUnixSeconds(now));
  AccountId after;
  while (true) {
    const auto accounts = co_await records.List(after, kAccountsPerPage);
    if (!accounts.ok()) co_return accounts.status();
    if (accounts->empty()) co_return absl::OkStatus();
    std::vector<absl::Status> results(accounts->size());
    auto step = [&](size_t i) -> Task<void> {
      return [](AccountRecords* records, MailboxTable* mailboxes, AccountId account,
                uint32_t least, absl::Status* result) -> Task<void> {
        *result = co_await RenewAccount(records, mailboxes, account, least);
      }(&records, mailboxes, (*accounts)[i], least, &results[i]);
    };
    co_await Concurrently(accounts->size(), kAccountsAtOnce, std::move(step));
    for (const absl::Status& result : results) {
      if (!result.ok()) co_return result;
    }
    after = accounts->back();
  }
}

}  // namespace restante::store
