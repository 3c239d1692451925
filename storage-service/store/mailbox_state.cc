#include "storage-service/store/mailbox_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/store_failure.h"

namespace restante::store {
namespace {

absl::Status NoSuchMailbox(const MailboxId& id) {
  return MakeError(v1::ERROR_REASON_NO_SUCH_MAILBOX,
                   absl::StrCat("there is no mailbox ", id.ToHex()));
}

// What a commit's failure means to the one who asked for it.
CommitResult FailureOf(const absl::Status& status) {
  if (absl::IsAborted(status)) {
    return {MakeError(v1::ERROR_REASON_STORE_FAILURE,
                      "an earlier commit of the mailbox failed, and this one with it")};
  }
  if (absl::IsResourceExhausted(status)) return {status};
  return {WithReason(status), true};
}

}  // namespace

ModseqPin::ModseqPin(std::shared_ptr<Mailbox> mailbox, uint64_t modseq)
    : mailbox_(std::move(mailbox)), modseq_(modseq) {}

ModseqPin::ModseqPin(ModseqPin&& other) noexcept
    : mailbox_(std::move(other.mailbox_)), modseq_(other.modseq_) {
  other.mailbox_ = nullptr;
}

ModseqPin& ModseqPin::operator=(ModseqPin&& other) noexcept {
  std::swap(mailbox_, other.mailbox_);
  std::swap(modseq_, other.modseq_);
  return *this;
}

ModseqPin::~ModseqPin() {
  if (mailbox_ != nullptr) mailbox_->Unpin(modseq_);
}

bool Mailbox::Settling::await_suspend(std::coroutine_handle<> awaiting) {
  absl::MutexLock lock(&mailbox->mutex_);
  const bool unsettled =
      mailbox->phase_ == Phase::kLoading || mailbox->phase_ == Phase::kBroken;
  if (unsettled) mailbox->sleepers_.push_back(awaiting);
  return unsettled;
}

Mailbox::Entrance Mailbox::Enter() {
  absl::MutexLock lock(&mutex_);
  switch (phase_) {
    case Phase::kReady:
      return erased_ ? Entrance::kGone : Entrance::kReady;
    case Phase::kUnloaded:
      phase_ = Phase::kLoading;
      return Entrance::kLoad;
    case Phase::kLoading:
    case Phase::kBroken:
      break;
  }
  return Entrance::kWait;
}

Task<absl::Status> Mailbox::Load() {
  while (true) {
    switch (Enter()) {
      case Entrance::kReady:
        co_return absl::OkStatus();
      case Entrance::kGone:
        co_return NoSuchMailbox(id_);
      case Entrance::kWait:
        co_await Settling{this};
        break;
      case Entrance::kLoad: {
        absl::Status status = co_await ReadHead();
        co_return status;
      }
    }
  }
}

Task<absl::Status> Mailbox::ReadHead() {
  // First the version: if somebody commits in between, the first commit built on
  // this head fails, instead of building on what isn't there any more.
  absl::StatusOr<engine::Version> version = co_await Await<absl::StatusOr<engine::Version>>(
      [this](auto done) { engine_->GetVersion(MailboxShard(id_), std::move(done)); });
  absl::Status status = version.status();
  std::optional<Head> head;
  if (status.ok()) {
    using Value = absl::StatusOr<std::optional<std::string>>;
    Value value = co_await Await<Value>([this](Done<Value> done) {
      engine_->Get(MailboxShard(id_), HeadKey(), std::move(done));
    });
    status = value.status();
    if (status.ok() && value->has_value()) {
      absl::StatusOr<Head> decoded = DecodeHead(**value);
      status = decoded.status();
      if (status.ok()) head = *std::move(decoded);
    }
  }
  if (status.ok() && (!head || head->erasing)) status = NoSuchMailbox(id_);

  std::vector<std::coroutine_handle<>> sleepers;
  {
    absl::MutexLock lock(&mutex_);
    rows_.Clear();
    phase_ = status.ok() ? Phase::kReady : Phase::kUnloaded;
    if (status.ok()) {
      submitted_ = durable_ = *head;
      submitted_version_ = *version;
      erased_ = false;
      if (usages_ != nullptr && usage_ == nullptr) usage_ = usages_->Find(head->owner);
      if (usages_ != nullptr && domain_usage_ == nullptr) {
        domain_usage_ = usages_->DomainOf(head->owner);
      }
      Report();
      if (durable_.visible_count() == 0) rows_.Fill({}, durable_.uid_next);
    }
    sleepers.swap(sleepers_);
  }
  ResumeAll(std::move(sleepers));
  co_return status;
}

void Mailbox::ResumeAll(std::vector<std::coroutine_handle<>> sleepers) {
  for (const std::coroutine_handle<> sleeper : sleepers) sleeper.resume();
}

Task<CommitResult> Mailbox::Commit(Plan plan) {
  while (true) {
    absl::Status loaded = co_await Load();
    if (!loaded.ok()) co_return CommitResult{loaded};
    bool submitted = false;
    CommitResult result = co_await Await<CommitResult>([&](Done<CommitResult> done) {
      submitted = true;
      if (!Submit(plan, done)) {
        submitted = false;
        std::move(done)(CommitResult{});
      }
    });
    if (submitted) co_return result;
  }
}

bool Mailbox::Submit(Plan& plan, Done<CommitResult>& done) {
  CommitResult refused;
  {
    absl::MutexLock lock(&mutex_);
    if (phase_ != Phase::kReady || erased_) return false;
    Pending pending{submitted_, {}, nullptr};
    refused.status = plan(pending.head, pending.change);
    if (refused.status.ok()) {
      pending.done = std::move(done);
      Outgoing out;
      out.request.shard = MailboxShard(id_);
      out.request.expected = submitted_version_;
      out.request.puts = std::move(pending.change.puts);
      out.request.puts.emplace_back(HeadKey(), Encode(pending.head));
      out.request.deletes = std::move(pending.change.deletes);
      out.references = std::move(pending.change.references);
      submitted_ = pending.head;
      ++submitted_version_;
      erased_ = submitted_.erasing;
      pending_.emplace(submitted_version_, std::move(pending));
      outgoing_.push_back(std::move(out));
    }
    // Whatever the plan has claimed of the account's quota is right now, or given back.
    Report();
  }
  if (refused.status.ok()) {
    SendOutgoing();
  } else {
    std::move(done)(std::move(refused));
  }
  return true;
}

void Mailbox::SendOutgoing() {
  // Completions may resume whoever holds the last pointer to this mailbox.
  const std::shared_ptr<Mailbox> self = shared_from_this();
  mutex_.Lock();
  if (!sending_) {
    sending_ = true;
    while (!outgoing_.empty()) {
      Outgoing out = std::move(outgoing_.front());
      outgoing_.pop_front();
      mutex_.Unlock();
      for (const auto& [body, uid] : out.references) {
        // Durable with the commit behind it; if it fails, that fails too.
        engine_->AddReference(body, {id_, uid}, [](absl::Status) {});
      }
      const engine::Version version = out.request.expected + 1;
      engine_->Commit(std::move(out.request),
                      [self, version](absl::StatusOr<engine::Version> result) {
                        self->Complete(version, std::move(result));
                      });
      mutex_.Lock();
    }
    sending_ = false;
  }
  mutex_.Unlock();
}

void Mailbox::Complete(engine::Version version, absl::StatusOr<engine::Version> result) {
  CommitResult answer;
  Done<CommitResult> done;
  std::vector<std::coroutine_handle<>> sleepers;
  std::optional<AccountId> changed;  // whose mailbox has
  {
    absl::MutexLock lock(&mutex_);
    Pending pending = std::move(pending_.extract(version).mapped());
    if (result.ok()) {
      const bool news = pending.head.highest_modseq > durable_.highest_modseq;
      if (news || pending.head.erasing) changed = pending.head.owner;
      uint32_t uid_before = durable_.uid_next;
      for (ListedRow& row : pending.change.added) {
        const uint32_t uid = row.uid;
        rows_.Add(std::move(row), uid_before);
        uid_before = uid + 1;
      }
      if (!pending.change.removed.empty()) rows_.Remove(pending.change.removed);
      durable_ = pending.head;
    } else {
      answer = FailureOf(result.status());
      phase_ = Phase::kBroken;
      rows_.Clear();
    }
    if (phase_ == Phase::kBroken && pending_.empty()) {
      phase_ = Phase::kUnloaded;
      erased_ = false;
      // What failed has claimed of quotas is given back; should it have been written after
      // all, the next load reports it.
      submitted_ = durable_;
      Report();
      sleepers.swap(sleepers_);
    }
    done = std::move(pending.done);
  }
  if (!result.ok() && !absl::IsAborted(result.status())) {
    LogError("store", "CommitFailed", {{"mailbox", id_.ToHex()}, {"error", result.status()}});
  }
  std::move(done)(std::move(answer));
  ResumeAll(std::move(sleepers));
  if (changed && watches_ != nullptr) watches_->NoteChange(*changed, id_);
}

Head Mailbox::durable() const {
  absl::MutexLock lock(&mutex_);
  return durable_;
}

void Mailbox::ReportTo(std::shared_ptr<Usage> usage) {
  absl::MutexLock lock(&mutex_);
  usage_ = std::move(usage);
  Report();
}

void Mailbox::ReportToDomain(std::shared_ptr<Usage> usage) {
  absl::MutexLock lock(&mutex_);
  domain_usage_ = std::move(usage);
  Report();
}

void Mailbox::Report() {
  Holding holding;
  if (!submitted_.erasing) holding = {submitted_.octets, submitted_.message_count};
  if (usage_ != nullptr) usage_->Set(id_, holding);
  if (domain_usage_ != nullptr) domain_usage_->Set(id_, holding);
}

Head Mailbox::submitted() const {
  absl::MutexLock lock(&mutex_);
  return submitted_;
}

bool Mailbox::erased() const {
  absl::MutexLock lock(&mutex_);
  return erased_;
}

Mailbox::View Mailbox::OpenView() {
  absl::MutexLock lock(&mutex_);
  pins_.insert(durable_.highest_modseq);
  return {durable_, ModseqPin(shared_from_this(), durable_.highest_modseq)};
}

ModseqPin Mailbox::Pin(uint64_t modseq) {
  absl::MutexLock lock(&mutex_);
  pins_.insert(modseq);
  return ModseqPin(shared_from_this(), modseq);
}

uint64_t Mailbox::ReclaimableModseq() const {
  absl::MutexLock lock(&mutex_);
  // What is newer than the durable head may be visible already, but a session
  // opened now would still count it in.
  const uint64_t durable = durable_.highest_modseq;
  return pins_.empty() ? durable : std::min(durable, *pins_.begin());
}

void Mailbox::Unpin(uint64_t modseq) {
  absl::MutexLock lock(&mutex_);
  pins_.erase(pins_.find(modseq));
}

std::optional<MaildropRowPage> Mailbox::CachedPage(uint64_t modseq, uint32_t after_uid,
                                                   uint32_t end_uid, size_t limit,
                                                   bool utf8) const {
  absl::MutexLock lock(&mutex_);
  if (phase_ != Phase::kReady) return std::nullopt;
  if (std::max(durable_.last_expunge_modseq, durable_.last_hide_modseq) > modseq) {
    return std::nullopt;
  }
  return rows_.Page(after_uid, end_uid, limit, utf8);
}

void Mailbox::OfferRows(const Head& head, std::vector<ListedRow> rows, uint32_t end_uid) {
  absl::MutexLock lock(&mutex_);
  // A commit that isn't complete may be visible to a scan already.
  if (phase_ == Phase::kReady && pending_.empty() && durable_ == head) {
    rows_.Fill(std::move(rows), end_uid);
  }
}

void Mailbox::ForgetRows() {
  absl::MutexLock lock(&mutex_);
  rows_.Clear();
}

uint64_t Mailbox::newest_fencing() const {
  absl::MutexLock lock(&mutex_);
  return newest_fencing_;
}

void Mailbox::SetNewestFencing(uint64_t fencing) {
  absl::MutexLock lock(&mutex_);
  newest_fencing_ = std::max(newest_fencing_, fencing);
}

}  // namespace restante::store
