// The directory's part in what clients do with mailboxes: make, rename and delete them,
// say what they are for, and subscribe to them.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/mailbox_names.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailbox_table.h"

namespace restante::store {
namespace {

constexpr size_t kMostMailboxes = 10'000;

using MailboxesByName = std::map<std::string, AccountRecords::NamedMailbox>;

absl::Status MailboxExists(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_MAILBOX_EXISTS,
                   absl::StrCat("there is a mailbox \"", absl::Utf8SafeCHexEscape(name), "\""));
}

absl::Status NoMailbox(absl::string_view name) {
  return MakeError(
      v1::ERROR_REASON_NO_SUCH_MAILBOX,
      absl::StrCat("there is no mailbox \"", absl::Utf8SafeCHexEscape(name), "\""));
}

absl::Status NotTheInbox(absl::string_view verb) {
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST, absl::StrCat("INBOX can't be ", verb));
}

bool HasChildren(const MailboxesByName& mailboxes, const std::string& name) {
  const auto below = mailboxes.lower_bound(absl::StrCat(name, "/"));
  return below != mailboxes.end() && IsBelow(below->first, name);
}

absl::Status SetUse(MailboxesByName& mailboxes, const std::string& name, uint32_t use) {
  for (const auto& [other, mailbox] : mailboxes) {
    if (other == name || (mailbox.special_use & use) == 0) continue;
    const std::string taken = SpecialUseNames(mailbox.special_use & use).front();
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     absl::StrCat("special_use: ", taken, " is that of mailbox \"",
                                  absl::Utf8SafeCHexEscape(other), "\" already"));
  }
  const auto mailbox = mailboxes.find(name);
  if (mailbox == mailboxes.end()) return NoMailbox(name);
  mailbox->second.special_use = use;
  return absl::OkStatus();
}

// The mailbox and what is below it, under their new names.
absl::Status MoveNames(MailboxesByName& mailboxes, const std::string& from,
                       const std::string& to) {
  if (!mailboxes.contains(from)) return NoMailbox(from);
  MailboxesByName moved;
  for (auto entry = mailboxes.begin(); entry != mailboxes.end();) {
    if (entry->first != from && !IsBelow(entry->first, from)) {
      ++entry;
      continue;
    }
    AccountRecords::NamedMailbox mailbox = entry->second;
    mailbox.name = absl::StrCat(to, entry->first.substr(from.size()));
    // A name that gets too long.
    absl::Status legal = CheckNewMailboxName(mailbox.name);
    if (!legal.ok()) return legal;
    moved.emplace(mailbox.name, mailbox);
    entry = mailboxes.erase(entry);
  }
  for (auto& [name, mailbox] : moved) {
    if (!mailboxes.emplace(name, mailbox).second) return MailboxExists(name);
  }
  return absl::OkStatus();
}

}  // namespace

Task<absl::StatusOr<Directory::NamedMailbox>> Directory::CreateMailbox(Entry account,
                                                                       std::string name,
                                                                       uint32_t special_use) {
  name = CanonicalMailboxName(name);
  if (name == kInbox) co_return MailboxExists(name);
  absl::Status legal = CheckNewMailboxName(name);
  if (!legal.ok()) co_return legal;
  const auto there = co_await records_->Mailboxes(account->id);
  if (!there.ok()) co_return there.status();
  std::vector<std::string> missing = SuperiorsOf(name);
  MailboxesByName known;
  for (const AccountRecords::NamedMailbox& mailbox : *there) {
    std::erase(missing, mailbox.name);
    known.emplace(mailbox.name, mailbox);
  }
  if (known.contains(name)) co_return MailboxExists(name);
  if (known.size() + missing.size() >= kMostMailboxes) {
    co_return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                        absl::StrCat("an account has at most ", kMostMailboxes, " mailboxes"));
  }
  if (special_use != 0) {
    known.emplace(name, AccountRecords::NamedMailbox{name});
    legal = SetUse(known, name, special_use);
    if (!legal.ok()) co_return legal;
  }
  for (const std::string& superior : missing) {
    absl::StatusOr<Made> made = co_await FindOrMake(account->id, superior, 0);
    if (!made.ok()) co_return made.status();
  }
  // The use is set afterwards, so that two at once can't both have it.
  absl::StatusOr<Made> made = co_await FindOrMake(account->id, name, 0);
  if (!made.ok()) co_return made.status();
  if (!made->fresh) co_return MailboxExists(name);
  if (special_use != 0) {
    legal = co_await SetSpecialUse(account, name, special_use);
    if (!legal.ok()) co_return legal;
    made->mailbox.special_use = special_use;
  }
  co_return made->mailbox;
}

Task<absl::Status> Directory::RenameMailbox(Entry account, std::string from, std::string to) {
  from = CanonicalMailboxName(from);
  to = CanonicalMailboxName(to);
  if (from == kInbox) co_return NotTheInbox("renamed like other mailboxes");
  if (to == kInbox) co_return MailboxExists(to);
  absl::Status legal = CheckNewMailboxName(to);
  if (!legal.ok()) co_return legal;
  if (from == to) co_return MailboxExists(to);
  if (IsBelow(to, from)) {
    co_return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                        "a mailbox can't be renamed to a name below its own");
  }
  // What would be refused anyway makes no superiors.
  const auto there = co_await records_->Mailboxes(account->id);
  if (!there.ok()) co_return there.status();
  MailboxesByName tried;
  for (const AccountRecords::NamedMailbox& mailbox : *there) {
    tried.emplace(mailbox.name, mailbox);
  }
  legal = MoveNames(tried, from, to);
  if (!legal.ok()) co_return legal;
  for (const std::string& superior : SuperiorsOf(to)) {
    absl::StatusOr<Made> made = co_await FindOrMake(account->id, superior, 0);
    if (!made.ok()) co_return made.status();
  }
  AccountRecords::Edit edit = [&from, &to](MailboxesByName& mailboxes) {
    return MoveNames(mailboxes, from, to);
  };
  absl::Status renamed = co_await records_->EditMailboxes(account->id, std::move(edit));
  mailboxes_->watches().NoteMailboxes(account->id);
  co_return renamed;
}

Task<absl::Status> Directory::DeleteMailbox(Entry account, NamedMailbox mailbox) {
  if (mailbox.name == kInbox) co_return NotTheInbox("deleted");
  const auto state = co_await mailboxes_->Find(mailbox.id);
  if (!state.ok()) co_return state.status();
  // The mark tells, should this be cut short, that a mailbox without a name isn't one
  // that is being made.
  const auto mark = [&state](bool deleting) {
    return (*state)->Commit([deleting](Head& head, store::Change&) {
      head.deleting = deleting;
      return absl::OkStatus();
    });
  };
  CommitResult marked = co_await mark(true);
  if (!marked.status.ok()) co_return marked.status;
  AccountRecords::Edit edit = [&mailbox](MailboxesByName& mailboxes) -> absl::Status {
    const auto named = mailboxes.find(mailbox.name);
    if (named == mailboxes.end() || named->second.id != mailbox.id) {
      return NoMailbox(mailbox.name);
    }
    if (HasChildren(mailboxes, mailbox.name)) {
      return MakeError(
          v1::ERROR_REASON_MAILBOX_HAS_CHILDREN,
          absl::StrCat("there are mailboxes below \"", absl::Utf8SafeCHexEscape(mailbox.name),
                       "\"; delete them first"));
    }
    mailboxes.erase(named);
    return absl::OkStatus();
  };
  absl::Status removed = co_await records_->EditMailboxes(account->id, std::move(edit));
  if (!removed.ok()) {
    // Nobody knows after a failed write; the mark stays, and does no harm.
    if (absl::IsUnavailable(removed)) co_return removed;
    CommitResult cleared = co_await mark(false);
    static_cast<void>(cleared);
    co_return removed;
  }
  // It has no name any more. Should this fail, the reclaimer finds the mark.
  absl::Status condemned = co_await mailboxes_->Condemn(mailbox.id);
  static_cast<void>(condemned);
  mailboxes_->watches().NoteMailboxes(account->id);
  co_return absl::OkStatus();
}

Task<absl::Status> Directory::SetSpecialUse(Entry account, std::string name,
                                            uint32_t special_use) {
  name = CanonicalMailboxName(name);
  AccountRecords::Edit edit = [&name, special_use](MailboxesByName& mailboxes) {
    return SetUse(mailboxes, name, special_use);
  };
  absl::Status set = co_await records_->EditMailboxes(account->id, std::move(edit));
  mailboxes_->watches().NoteMailboxes(account->id);
  co_return set;
}

Task<absl::Status> Directory::SetUidvalidity(Entry account, NamedMailbox mailbox) {
  AccountRecords::NamedMailbox record{mailbox.name, mailbox.id, mailbox.uidvalidity,
                                      mailbox.special_use};
  absl::Status set = co_await records_->SetUidvalidity(account->id, std::move(record));
  cache_->Forget(account->id);
  co_return set;
}

Task<absl::StatusOr<std::vector<std::string>>> Directory::SubscriptionsOf(AccountId account) {
  return records_->Subscriptions(account);
}

Task<absl::StatusOr<bool>> Directory::IsSubscribed(Entry account, std::string name) {
  // Clients ask for INBOX over and over: its status takes no read.
  if (name == kInbox) co_return account->inbox_subscribed;
  absl::StatusOr<bool> subscribed =
      co_await records_->IsSubscribed(account->id, std::move(name));
  co_return subscribed;
}

Task<absl::Status> Directory::SetSubscribed(Entry account, std::string name, bool subscribed) {
  name = CanonicalMailboxName(name);
  // What was subscribed to once can be left, whatever is legal now.
  absl::Status legal = absl::OkStatus();
  if (subscribed && name != kInbox) legal = CheckNewMailboxName(name);
  if (!legal.ok()) co_return legal;
  const bool inbox = name == kInbox;
  absl::Status set = co_await records_->SetSubscribed(account->id, std::move(name), subscribed);
  if (inbox) cache_->Forget(account->id);
  mailboxes_->watches().NoteMailboxes(account->id);
  co_return set;
}

Task<absl::StatusOr<bool>> Directory::HasMailbox(AccountId account, MailboxId mailbox) {
  const auto named = co_await records_->Mailboxes(account);
  if (!named.ok()) co_return named.status();
  co_return std::any_of(named->begin(), named->end(),
                        [&](const auto& candidate) { return candidate.id == mailbox; });
}

}  // namespace restante::store
