#include "storage-service/store/account_watch.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/mailbox_counters.h"
#include "storage-service/store/mailbox_names.h"
#include "storage-service/store/mailbox_state.h"

namespace restante::store {
namespace {

// Told at once at most.
constexpr size_t kMostEvents = 256;

}  // namespace

Task<absl::Status> AccountWatch::Start() {
  absl::StatusOr<std::vector<Directory::NamedMailbox>> named =
      co_await directory_->MailboxesOf(account_);
  if (!named.ok()) co_return named.status();
  absl::flat_hash_map<std::string, uint64_t> wanted;
  for (const WatchRequest::Known& known : request_.mailboxes) {
    wanted[CanonicalMailboxName(known.mailbox)] = known.modseq;
  }
  for (const Directory::NamedMailbox& mailbox : *named) {
    const auto known = wanted.find(mailbox.name);
    if (known == wanted.end() && !request_.all) continue;
    watched_[mailbox.id] = {mailbox.name, known == wanted.end() ? 0 : known->second, 0};
    to_look_at_.push_back(mailbox.id);
    if (known != wanted.end()) wanted.erase(known);
  }
  if (!wanted.empty()) {
    co_return MakeError(v1::ERROR_REASON_NO_SUCH_MAILBOX,
                        absl::StrCat("there is no mailbox \"",
                                     absl::Utf8SafeCHexEscape(wanted.begin()->first), "\""));
  }
  std::reverse(to_look_at_.begin(), to_look_at_.end());
  co_return absl::OkStatus();
}

Task<absl::StatusOr<WatchNews>> AccountWatch::Next() {
  WatchNews news;
  while (true) {
    while (!to_look_at_.empty() && news.events.size() < kMostEvents) {
      const MailboxId mailbox = to_look_at_.back();
      to_look_at_.pop_back();
      absl::Status looked = co_await Look(mailbox, &news);
      if (!looked.ok()) co_return looked;
    }
    if (to_look_at_.empty() && !caught_up_) news.caught_up = caught_up_ = true;
    if (!news.events.empty() || news.mailboxes_changed || news.caught_up) co_return news;

    absl::StatusOr<WatchHub::News> heard = co_await listener_->Next();
    if (!heard.ok()) co_return heard.status();
    to_look_at_.assign(heard->changed.begin(), heard->changed.end());
    if (!heard->mailboxes) continue;
    absl::Status read = co_await ReadMailboxes(&news);
    if (!read.ok()) co_return read;
  }
}

Task<absl::Status> AccountWatch::ReadMailboxes(WatchNews* news) {
  absl::StatusOr<Directory::Entry> account = co_await directory_->FindById(account_);
  if (!account.ok()) co_return account.status();
  absl::StatusOr<std::vector<Directory::NamedMailbox>> named =
      co_await directory_->MailboxesOf(account_);
  if (!named.ok()) co_return named.status();
  absl::flat_hash_set<MailboxId> there;
  for (Directory::NamedMailbox& mailbox : *named) {
    there.insert(mailbox.id);
    const auto known = watched_.find(mailbox.id);
    if (known != watched_.end()) {
      known->second.name = std::move(mailbox.name);
    } else if (request_.all) {
      watched_[mailbox.id] = {std::move(mailbox.name), 0, 0};
      to_look_at_.push_back(mailbox.id);
    }
  }
  for (auto known = watched_.begin(); known != watched_.end();) {
    if (there.contains(known->first)) {
      ++known;
      continue;
    }
    WatchEvent& event = news->events.emplace_back();
    event.status.id = known->first;
    event.status.name = std::move(known->second.name);
    event.gone = true;
    watched_.erase(known++);
  }
  news->mailboxes_changed = true;
  co_return absl::OkStatus();
}

Task<absl::Status> AccountWatch::Look(MailboxId mailbox, WatchNews* news) {
  const auto known = watched_.find(mailbox);
  if (known == watched_.end()) co_return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<Mailbox>> state = co_await mailboxes_->Find(mailbox);
  if (ReasonOf(state.status()) == v1::ERROR_REASON_NO_SUCH_MAILBOX) {
    // Deleted, which is heard of too; or with its account.
    absl::StatusOr<Directory::Entry> account = co_await directory_->FindById(account_);
    co_return account.status();
  }
  if (!state.ok()) co_return state.status();
  absl::Status counted = co_await EnsureCounted(engine_, *state);
  if (!counted.ok()) co_return counted;
  const Head head = (*state)->durable();
  Known& told = known->second;
  if (head.highest_modseq == told.modseq) co_return absl::OkStatus();
  WatchEvent& event = news->events.emplace_back();
  event.status = StatusOf(mailbox, head);
  event.status.name = told.name;
  event.new_mail = head.uid_next > told.uid_next;
  event.expunged = head.last_expunge_modseq > told.modseq;
  told.modseq = head.highest_modseq;
  told.uid_next = head.uid_next;
  co_return absl::OkStatus();
}

}  // namespace restante::store
