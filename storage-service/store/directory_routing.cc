// The directory's part in which mailbox of an account a message is delivered to, and in the
// rules that say so; whether one applies is field_matcher.h's to say.
#include <algorithm>
#include <string>
#include <utility>

#include "common/errors.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/filing_settings.h"
#include "storage-service/store/mailbox_names.h"
#include "storage-service/store/pop3_policy.h"

namespace restante::store {
namespace {

// How often a mailbox is looked for again because others made or changed one meanwhile.
constexpr int kFilingAttempts = 3;

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

std::shared_ptr<const FilingRules> Directory::FilingOf(const AccountEntry& account) const {
  return account.own_filing != nullptr ? account.own_filing : filing_->Of(account.domain);
}

Task<absl::StatusOr<Directory::NamedMailbox>> Directory::FindForRule(Entry account,
                                                                     std::string mailbox) {
  const NamedMailbox inbox{kInbox, account->inbox, account->inbox_uidvalidity, 0};
  if (mailbox == kInbox) co_return inbox;
  const bool junk = mailbox == kJunkMailbox;
  const std::string name = junk ? kNewJunkMailbox : std::move(mailbox);
  const uint32_t special_use = junk ? kJunkUse : 0;
  for (int attempt = 0; attempt < kFilingAttempts; ++attempt) {
    if (junk) {
      const auto all = co_await records_->Mailboxes(account->id);
      if (!all.ok()) co_return all.status();
      const auto used = std::find_if(all->begin(), all->end(), [](const auto& candidate) {
        return (candidate.special_use & kJunkUse) != 0;
      });
      if (used != all->end()) co_return NamedOf(*used);
    }
    const auto found = co_await records_->FindMailbox(account->id, name);
    if (!found.ok()) co_return found.status();
    if (found->has_value()) co_return NamedOf(**found);
    absl::StatusOr<NamedMailbox> made = co_await CreateMailbox(account, name, special_use);
    if (made.ok()) {
      // Or clients that show subscribed mailboxes wouldn't. The mail is more important.
      const absl::Status subscribed = co_await SetSubscribed(account, name, true);
      static_cast<void>(subscribed);
      co_return made;
    }
    // Made by another delivery just now; or there are too many mailboxes.
    const v1::ErrorReason reason = ReasonOf(made.status());
    if (reason != v1::ERROR_REASON_MAILBOX_EXISTS &&
        reason != v1::ERROR_REASON_INVALID_REQUEST) {
      co_return made.status();
    }
  }
  co_return inbox;
}

Task<absl::StatusOr<DomainFiling>> Directory::SetDomainFiling(
    std::string domain, std::optional<FilingRules> rules) {
  const absl::StatusOr<std::string> normalized = NormalizeDomain(domain);
  if (!normalized.ok()) co_return normalized.status();
  // To a domain, no rules and an empty list are the same: it inherits from nobody.
  if (rules && rules->empty()) rules.reset();
  if (rules) {
    absl::StatusOr<FilingRules> legal = CheckFilingRules(*std::move(rules));
    if (!legal.ok()) co_return legal.status();
    rules = *std::move(legal);
  }
  const absl::Status set = co_await filing_->Set(*normalized, rules);
  if (!set.ok()) co_return set;
  co_return DomainFiling{*normalized, std::move(rules)};
}

Task<absl::StatusOr<std::vector<DomainFiling>>> Directory::ListDomainFiling(
    std::string domain) {
  std::vector<DomainFiling> listed = filing_->List();
  if (!domain.empty()) {
    const absl::StatusOr<std::string> normalized = NormalizeDomain(domain);
    if (!normalized.ok()) co_return normalized.status();
    std::erase_if(listed,
                  [&](const DomainFiling& entry) { return entry.domain != *normalized; });
  }
  co_return listed;
}

}  // namespace restante::store
