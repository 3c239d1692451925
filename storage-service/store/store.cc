// Puts the store's parts together; each has a file of its own.
#include "storage-service/store/store.h"

#include <algorithm>
#include <utility>

#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/account_mailboxes.h"
#include "storage-service/store/account_restore.h"
#include "storage-service/store/delivery_ids.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/domain_quotas.h"
#include "storage-service/store/ingest.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/maildrop_sessions.h"
#include "storage-service/store/message_reader.h"
#include "storage-service/store/orphans.h"
#include "storage-service/store/passwords.h"
#include "storage-service/store/pending_bodies.h"
#include "storage-service/store/reclaimer.h"
#include "storage-service/store/retention.h"
#include "storage-service/store/service_record.h"
#include "storage-service/store/store_failure.h"
#include "storage-service/store/ticker.h"
#include "storage-service/store/tokens.h"
#include "storage-service/store/uidl_index.h"
#include "storage-service/store/uidvalidity_renewal.h"
#include "storage-service/store/verifier.h"

namespace restante::store {
namespace {

// Sessions are ended at the latest so long after their lease.
constexpr absl::Duration kLongestWait = absl::Seconds(1);
// From one turn of the expiry to the next.
constexpr absl::Duration kExpiryTurn = absl::Seconds(1);

absl::Status NoBackups() {
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                   "the service keeps no backups: backup.directory isn't set");
}

// How many accounts are counted for their domains' quotas before others get their turn.
constexpr size_t kAccountsInTurn = 500;
constexpr absl::Duration kWalkPause = absl::Milliseconds(10);

class SystemClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

class MailStore : public Store {
 public:
  MailStore(std::unique_ptr<engine::Engine> engine, StoreOptions options,
            const ServiceFacts& facts)
      : options_(WithClock(options, &system_clock_)),
        sealer_(facts.token_key),
        engine_(std::move(engine)),
        mailbox_table_(engine_.get(), options_.cached_mailboxes),
        pending_(engine_.get(), options_.clock),
        delivery_ids_(engine_.get(), options_.delivery_id_window),
        uidls_(engine_.get(), &mailbox_table_.bodies()),
        orphans_(engine_.get(), &mailbox_table_, NamedInDirectory(),
                 [this](AccountId after) { return directory_->EraseOrphans(after); }),
        reclaimer_(engine_.get(), &mailbox_table_, &pending_, &delivery_ids_, &orphans_,
                   options_.clock, options_, NamedInDirectory()),
        directory_(std::make_unique<Directory>(engine_.get(), &mailbox_table_, &sealer_,
                                               options_.clock, options_)),
        retention_(engine_.get(), &mailbox_table_, directory_.get(), options_.clock,
                   options_.expiry_interval,
                   [this](MailboxId mailbox) { reclaimer_.NoteExpunged(mailbox); }),
        sessions_(
            engine_.get(), &mailbox_table_, directory_.get(), &sealer_, options_.clock,
            options_, [this](MailboxId mailbox) { reclaimer_.NoteExpunged(mailbox); },
            [this] {
              if (ticker_ != nullptr) ticker_->Wake();
            }),
        messages_(engine_.get(), &sessions_, directory_.get(), &mailbox_table_),
        mailboxes_(
            Tools(), directory_.get(), options_.expunged_grace,
            [this](MailboxId mailbox) { reclaimer_.NoteExpunged(mailbox); },
            [this](MailboxId mailbox) { reclaimer_.NoteDeleted(mailbox); }),
        ingest_(Tools(), directory_.get()) {}

  // The timer and the reclaimer go first; then the directory, whose verifications
  // end here; then the engine, whose last answers still find the rest.
  ~MailStore() override {
    sessions_.StopWaiting();
    ticker_.reset();
    retention_.Stop();
    reclaimer_.Stop();
    directory_.reset();
    engine_.reset();
  }

  absl::Status Start() {
    if (absl::Status status = SyncWait(pending_.Start()); !status.ok()) return status;
    if (options_.renew_uidvalidities) {
      absl::Status renewed =
          SyncWait(RenewUidvalidities(engine_.get(), &mailbox_table_, options_.clock->Now()));
      if (!renewed.ok()) return renewed;
    }
    if (absl::Status status = SyncWait(directory_->Start()); !status.ok()) return status;
    next_reclaim_ = next_expiry_turn_ = options_.clock->Now();
    if (options_.reclaim_interval < absl::InfiniteDuration()) {
      ticker_ = std::make_unique<Ticker>([this] { return Tick(); });
    }
    return absl::OkStatus();
  }

  Accounts& accounts() override { return *directory_; }
  Aliases& aliases() override { return *directory_; }
  Maildrops& maildrops() override { return sessions_; }
  Messages& messages() override { return messages_; }
  Mailboxes& mailboxes() override { return mailboxes_; }
  Deliveries& deliveries() override { return ingest_; }

  Task<absl::StatusOr<VerifySummary>> Verify(
      VerifyOptions options, std::function<void(VerifyFinding)> report) override {
    Verifier verifier(engine_.get(), directory_.get(), &mailbox_table_, options_.clock);
    absl::StatusOr<VerifySummary> summary = co_await verifier.Run(options, std::move(report));
    co_return summary;
  }

  Task<absl::StatusOr<uint64_t>> Reclaim() override { return reclaimer_.Run(); }
  Task<absl::Status> Purge() override {
    const absl::StatusOr<uint64_t> reclaimed = co_await reclaimer_.Run();
    if (!reclaimed.ok()) co_return reclaimed.status();
    absl::Status purged = co_await Await<absl::Status>(
        [this](Done<absl::Status> done) { engine_->Purge(std::move(done)); });
    co_return WithReason(purged);
  }
  Task<absl::StatusOr<uint64_t>> Expire() override { return retention_.Run(); }

  Task<absl::StatusOr<engine::BackupInfo>> CreateBackup() override {
    engine::Backups* const backups = engine_->backups();
    if (backups == nullptr) co_return NoBackups();
    using Answer = absl::StatusOr<engine::BackupInfo>;
    Answer answer =
        co_await Await<Answer>([&](Done<Answer> done) { backups->Create(std::move(done)); });
    co_return answer;
  }

  Task<absl::StatusOr<std::vector<engine::BackupInfo>>> ListBackups() override {
    engine::Backups* const backups = engine_->backups();
    if (backups == nullptr) co_return NoBackups();
    using Answer = absl::StatusOr<std::vector<engine::BackupInfo>>;
    Answer answer =
        co_await Await<Answer>([&](Done<Answer> done) { backups->List(std::move(done)); });
    co_return answer;
  }

  Task<absl::StatusOr<uint64_t>> PruneBackups(uint32_t keep) override {
    engine::Backups* const backups = engine_->backups();
    if (backups == nullptr) co_return NoBackups();
    using Answer = absl::StatusOr<uint64_t>;
    Answer answer = co_await Await<Answer>(
        [&](Done<Answer> done) { backups->Prune(keep, std::move(done)); });
    co_return answer;
  }

  Task<absl::StatusOr<RestoreSummary>> RestoreAccount(engine::BackupChoice choice,
                                                      std::string address,
                                                      std::string mailbox) override {
    engine::Backups* const backups = engine_->backups();
    if (backups == nullptr) co_return NoBackups();
    using Opened = absl::StatusOr<engine::Backups::Opened>;
    Opened opened = co_await Await<Opened>(
        [&](Done<Opened> done) { backups->Open(choice, std::move(done)); });
    if (!opened.ok()) co_return opened.status();
    absl::StatusOr<RestoreSummary> summary = absl::InternalError("");
    {
      AccountRestore restore(opened->engine.get(), engine_.get(), directory_.get(),
                             &mailbox_table_, &pending_, options_.clock);
      summary = co_await restore.Run(std::move(address), std::move(mailbox));
    }
    if (summary.ok()) summary->backup = opened->info;
    backups->Close(std::move(opened->engine));
    co_return summary;
  }

  std::map<std::string, double> Stats() const override {
    std::map<std::string, double> stats = engine_->Stats();
    stats.merge(reclaimer_.Stats());
    stats.merge(retention_.Stats());
    stats["sessions"] = static_cast<double>(sessions_.table().sessions());
    stats["cached_mailboxes"] = static_cast<double>(mailbox_table_.cached());
    return stats;
  }

 private:
  static StoreOptions WithClock(StoreOptions options, const Clock* clock) {
    if (options.clock == nullptr) options.clock = clock;
    return options;
  }

  Orphans::IsNamed NamedInDirectory() {
    return [this](AccountId account, MailboxId mailbox) {
      return directory_->HasMailbox(account, mailbox);
    };
  }

  DeliveryTools Tools() {
    DeliveryTools tools;
    tools.engine = engine_.get();
    tools.directory = directory_.get();
    tools.mailboxes = &mailbox_table_;
    tools.pending = &pending_;
    tools.ids = &delivery_ids_;
    tools.uidls = &uidls_;
    tools.clock = options_.clock;
    tools.max_message_octets = options_.max_message_octets;
    tools.id_recorded = [this](MailboxId mailbox, absl::Time accepted) {
      reclaimer_.NoteDeliveryId(mailbox, accepted);
    };
    return tools;
  }

  // On the timer's thread.
  absl::Duration Tick() {
    const absl::Time next_end = sessions_.table().Expire();
    const absl::Time now = options_.clock->Now();
    if (now >= next_reclaim_) {
      next_reclaim_ = now + options_.reclaim_interval;
      reclaimer_.RunInBackground();
    }
    if (now >= next_expiry_turn_) {
      next_expiry_turn_ = now + kExpiryTurn;
      retention_.RunInBackground();
    }
    absl::Duration next_walk = kLongestWait;
    if (directory_->quotas().walking()) {
      absl::Status walked = SyncWait(directory_->quotas().Walk(kAccountsInTurn));
      if (walked.ok()) next_walk = kWalkPause;
    }
    return std::min({kLongestWait, next_reclaim_ - now, next_end - now, next_walk});
  }

  const SystemClock system_clock_;
  const StoreOptions options_;
  const TokenSealer sealer_;
  std::unique_ptr<engine::Engine> engine_;
  MailboxTable mailbox_table_;
  PendingBodies pending_;
  DeliveryIds delivery_ids_;
  UidlIndex uidls_;
  Orphans orphans_;
  Reclaimer reclaimer_;
  std::unique_ptr<Directory> directory_;
  Retention retention_;
  MaildropSessions sessions_;
  MessageReading messages_;
  AccountMailboxes mailboxes_;
  Ingest ingest_;
  absl::Time next_reclaim_;
  absl::Time next_expiry_turn_;
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(std::unique_ptr<engine::Engine> engine,
                                                   StoreOptions options) {
  absl::StatusOr<ServiceFacts> facts = SyncWait(ReadOrMakeServiceRecord(engine.get()));
  if (!facts.ok()) return facts.status();
  auto store = std::make_unique<MailStore>(std::move(engine), options, *facts);
  if (absl::Status status = store->Start(); !status.ok()) return status;
  return store;
}

}  // namespace restante::store
