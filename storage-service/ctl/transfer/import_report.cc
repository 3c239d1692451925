#include "storage-service/ctl/transfer/import_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

std::string Counted(uint64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

}  // namespace

void ImportReport::Appended(const SourceMessage& message, uint64_t octets,
                            const v1::AppendedMessage& as) {
  {
    absl::MutexLock lock(&mutex_);
    ++(as.earlier() ? earlier_ : imported_);
    if (as.uidl_replaced() && !as.earlier()) {
      replaced_.push_back(
          {{"message", message.name}, {"wanted", message.uidl}, {"uidl", as.uidl()}});
      if (!progress_->json()) {
        progress_->Say(absl::StrCat(message.name, ": the UIDL ", message.uidl,
                                    " is illegal or another message's; it is ", as.uidl(),
                                    " now"));
      }
    }
  }
  progress_->Advance(1, as.earlier() ? 0 : octets);
}

void ImportReport::Earlier(uint64_t messages) {
  {
    absl::MutexLock lock(&mutex_);
    earlier_ += messages;
  }
  progress_->Advance(messages, 0);
}

void ImportReport::Failed(const std::string& name, const absl::Status& why) {
  const std::string line = ErrorLine(why, "");
  {
    absl::MutexLock lock(&mutex_);
    failed_.push_back({{"message", name}, {"error", line}});
  }
  if (progress_->json()) {
    progress_->Tell({{"event", "failed"}, {"message", name}, {"error", line}});
  } else {
    progress_->Say(absl::StrCat(name, ": ", line));
  }
  progress_->Advance(1, 0);
}

void ImportReport::Gone(const SourceMessage& message) {
  {
    absl::MutexLock lock(&mutex_);
    ++gone_;
  }
  Note(absl::StrCat(message.name, " has been deleted in the meantime"));
  progress_->Advance(1, 0);
}

void ImportReport::FlagDropped(const std::string& flag) {
  {
    absl::MutexLock lock(&mutex_);
    if (std::find(flags_.begin(), flags_.end(), flag) != flags_.end()) return;
    flags_.push_back(flag);
  }
  Note(absl::StrCat("the flag \"", flag, "\" can't be kept: it is no keyword of IMAP's"));
}

void ImportReport::MailboxFailed(const SourceMailbox& mailbox, const absl::Status& why) {
  const std::string line = ErrorLine(why, "");
  {
    absl::MutexLock lock(&mutex_);
    failed_mailboxes_.push_back({{"mailbox", mailbox.name}, {"error", line}});
  }
  if (progress_->json()) {
    progress_->Tell({{"event", "failed"}, {"mailbox", mailbox.name}, {"error", line}});
  } else {
    progress_->Say(absl::StrCat("mailbox ", mailbox.name, ": ", line));
  }
}

void ImportReport::Note(const std::string& text) {
  if (progress_->json()) {
    progress_->Tell({{"event", "note"}, {"text", text}});
  } else {
    progress_->Say(absl::StrCat("note: ", text));
  }
}

uint64_t ImportReport::failed() const {
  absl::MutexLock lock(&mutex_);
  return failed_.size() + failed_mailboxes_.size();
}

absl::Status ImportReport::Print(const Session& session) {
  absl::MutexLock lock(&mutex_);
  const uint64_t total = imported_ + earlier_ + failed_.size();
  if (session.json()) {
    session.PrintJson({{"messages", total},
                       {"imported", imported_},
                       {"earlier", earlier_},
                       {"gone", gone_},
                       {"replaced", replaced_},
                       {"failed", failed_},
                       {"failed_mailboxes", failed_mailboxes_},
                       {"dropped_flags", flags_}});
  } else {
    session.out() << "Imported " << imported_ << " of " << Counted(total, "message");
    if (earlier_ > 0) session.out() << ", " << earlier_ << " were here already";
    if (!replaced_.empty()) session.out() << ", " << replaced_.size() << " with a new UIDL";
    session.out() << ".\n";
  }
  if (failed_.empty() && failed_mailboxes_.empty()) return absl::OkStatus();
  std::string what;
  if (!failed_.empty()) {
    what = absl::StrCat(failed_.size(), " of ", Counted(total, "message"),
                        failed_.size() == 1 ? " wasn't" : " weren't", " imported");
  }
  if (!failed_mailboxes_.empty()) {
    absl::StrAppend(&what, what.empty() ? "" : "; ", failed_mailboxes_.size(),
                    failed_mailboxes_.size() == 1 ? " mailbox wasn't" : " mailboxes weren't",
                    " as a whole");
  }
  return RefusedError(what);
}

}  // namespace restante::ctl
