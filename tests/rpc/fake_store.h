// A store whose every answer the test decides, and the moment of it. Operations
// without an answer set fail the test.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "storage-service/async/task.h"
#include "storage-service/store/store.h"

namespace restante::rpc {

// A task that is complete from the beginning.
template <typename T>
Task<T> Now(T value) {
  co_return value;
}

// Operations that stay under way until the test completes them, oldest first.
template <typename T>
class Held {
 public:
  // To be returned by the store.
  Task<T> Hold() {
    auto operation = Await<T>([this](Done<T> done) {
      absl::MutexLock lock(&mutex_);
      held_.push_back(std::move(done));
    });
    T value = co_await operation;
    co_return value;
  }

  // Blocks until so many operations are under way.
  void AwaitHeld(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [this, count] {
      mutex_.AssertReaderHeld();
      return held_.size() >= count;
    };
    ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30)));
  }

  // Waits for one if there is none yet.
  void Complete(T value) {
    AwaitHeld(1);
    Done<T> done;
    {
      absl::MutexLock lock(&mutex_);
      if (held_.empty()) return;
      done = std::move(held_.front());
      held_.pop_front();
    }
    std::move(done)(std::move(value));
  }

  size_t count() const {
    absl::MutexLock lock(&mutex_);
    return held_.size();
  }

 private:
  mutable absl::Mutex mutex_;
  std::deque<Done<T>> held_ ABSL_GUARDED_BY(mutex_);
};

// What happened, in order, for the test to wait for.
class Journal {
 public:
  void Note(std::string event) {
    absl::MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
  }
  std::vector<std::string> events() const {
    absl::MutexLock lock(&mutex_);
    return events_;
  }
  // Blocks until so many events were noted, and answers all.
  std::vector<std::string> Await(size_t count) const {
    absl::MutexLock lock(&mutex_);
    const auto enough = [this, count] {
      mutex_.AssertReaderHeld();
      return events_.size() >= count;
    };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30)))
        << "only " << events_.size() << " events";
    return events_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
};

struct FakeMaildrops final : store::Maildrops {
  using Opened = absl::StatusOr<store::OpenedMaildrop>;

  std::function<Task<Opened>(store::LeaseId, std::string address)> login;
  std::function<Task<Opened>(store::LeaseId, std::string token)> open;
  std::function<Task<absl::Status>(store::LeaseId, std::string token)> resume;
  std::function<Task<absl::StatusOr<store::MaildropRowPage>>(std::string token, uint32_t after,
                                                             uint32_t limit)>
      rows;
  std::function<Task<absl::StatusOr<uint64_t>>(std::string token,
                                               std::vector<store::UidRange> uids, bool close)>
      commit;
  std::function<absl::Status(std::string token)> close;
  std::function<absl::StatusOr<absl::Duration>(std::string token)> renew;
  // "begin 1", "end 1"
  Journal leases;
  std::atomic<bool> stopped_waiting{false};
  // Of the last Login or Open.
  std::shared_ptr<store::PendingLogin> pending();
  std::atomic<int> cancelled{0};
  // What leases are told as they begin.
  store::Pop3Announcement announcement;
  // Told to the leases that live.
  void Announce(const store::Pop3Announcement& changed);

  std::function<void()> cancel;
  std::function<absl::Status(std::string token, std::vector<store::UidRange>)> mark_retrieved;
  // What the stream was told to do, by its lease.
  void EndBySilence(store::LeaseId lease);
  bool IsHeldUp(store::LeaseId lease);
  std::atomic<int> heard{0};

  store::LeaseId BeginLease(LeaseEvents events) override;
  void Heard(store::LeaseId lease) override;
  void WatchForSilence(store::LeaseId lease, absl::Duration heartbeat) override;
  void EndLease(store::LeaseId lease) override;
  Task<Opened> Login(store::LeaseId lease, store::LoginCredentials credentials,
                     store::ClientInfo client, uint32_t first_rows,
                     store::SessionOptions options) override;
  Task<Opened> Open(store::LeaseId lease, std::string auth_token, store::ClientInfo client,
                    uint32_t first_rows, store::SessionOptions options) override;
  Task<absl::Status> Resume(store::LeaseId lease, std::string token) override;
  Task<absl::StatusOr<store::MaildropRowPage>> Rows(std::string token, uint32_t after_uid,
                                                    uint32_t limit) override;
  Task<absl::StatusOr<uint64_t>> Commit(std::string token, std::vector<store::UidRange> uids,
                                        std::vector<store::UidRange> retrieved,
                                        bool close_after) override;
  Task<absl::Status> Close(std::string token, std::vector<store::UidRange> retrieved) override;
  Task<absl::Status> MarkRetrieved(std::string token,
                                   std::vector<store::UidRange> retrieved) override;
  void CancelLogin(store::PendingLogin& pending) override;
  void StopWaiting() override { stopped_waiting = true; }
  absl::StatusOr<absl::Duration> Renew(const std::string& token) override;

 private:
  absl::Mutex mutex_;
  std::shared_ptr<store::PendingLogin> pending_ ABSL_GUARDED_BY(mutex_);
  store::LeaseId last_lease_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<store::LeaseId, LeaseEvents> watchers_ ABSL_GUARDED_BY(mutex_);
};

// Notes "begin A", "append A N", "finish A" and "drop A", where A is the sender.
struct FakeDeliveries final : store::Deliveries {
  std::unique_ptr<store::RecipientWatch> WatchRecipients() override { return nullptr; }
  std::function<Task<absl::Status>(std::string sender)> begin;
  std::function<Task<absl::Status>(std::string sender, std::string data)> append;
  std::function<Task<std::vector<store::RecipientResult>>(std::string sender)> finish;
  std::function<Task<std::vector<store::RecipientCheck>>(std::vector<std::string> recipients)>
      check;
  Journal journal;

  Task<absl::StatusOr<std::unique_ptr<store::Delivery>>> Begin(
      store::Envelope envelope) override;
  Task<std::vector<store::RecipientCheck>> CheckRecipients(std::vector<std::string> recipients,
                                                           uint64_t declared_octets) override;
};

struct FakeMessages final : store::Messages {
  using Frame = absl::StatusOr<std::vector<store::ReadPiece>>;

  std::function<absl::Status()> read;
  std::function<Task<Frame>()> next;

  Task<absl::StatusOr<std::unique_ptr<store::MessageReader>>> Read(
      std::string session_token, std::vector<store::ReadPart> parts) override;
  Task<absl::StatusOr<std::unique_ptr<store::MessageReader>>> Fetch(
      std::string address, std::string mailbox, std::vector<store::ReadPart> parts) override;
};

struct FakeAccounts final : store::Accounts {
  std::function<Task<absl::StatusOr<store::AccountInfo>>(std::string address)> get;
  std::function<Task<absl::StatusOr<store::ImportReport>>(std::vector<store::NewAccount>)>
      import;

  Task<absl::StatusOr<store::AccountInfo>> Create(store::NewAccount account) override;
  Task<absl::StatusOr<store::AccountInfo>> Get(std::string address) override;
  Task<absl::StatusOr<store::AccountPage>> List(std::string page_token,
                                                size_t page_size) override;
  Task<absl::StatusOr<store::AccountInfo>> Update(std::string address,
                                                  store::AccountChange change) override;
  Task<absl::Status> SetPassword(std::string address, store::Credential credential) override;
  Task<absl::Status> Delete(std::string address) override;
  Task<absl::StatusOr<store::AccountInfo>> Rename(std::string address, std::string new_address,
                                                  bool keep_alias) override;
  Task<absl::StatusOr<store::DomainQuota>> SetDomainQuota(
      std::string domain, store::DomainQuotaChange change) override;
  Task<absl::StatusOr<store::DomainQuotaList>> ListDomainQuotas(std::string domain) override;
  Task<absl::StatusOr<store::DomainFiling>> SetDomainFiling(
      std::string domain, std::optional<store::FilingRules> rules) override;
  Task<absl::StatusOr<std::vector<store::DomainFiling>>> ListDomainFiling(
      std::string domain) override;
  Task<absl::StatusOr<store::ImportReport>> Import(
      std::vector<store::NewAccount> accounts) override;
  Task<absl::StatusOr<store::DomainPolicy>> SetDomainPolicy(
      std::string domain, store::Pop3PolicyChange change) override;
  Task<absl::StatusOr<store::DomainPolicies>> ListDomainPolicies(std::string domain) override;
  Task<absl::StatusOr<store::Authenticated>> AuthenticatePassword(
      std::string address, std::string password, store::ClientInfo client) override;
};

struct FakeAliases final : store::Aliases {
  Task<absl::StatusOr<store::AliasInfo>> AddAlias(std::string address,
                                                  std::vector<std::string> targets) override;
  Task<absl::StatusOr<store::AliasInfo>> RemoveAlias(std::string address,
                                                     std::vector<std::string> targets) override;
  Task<absl::StatusOr<store::AliasInfo>> GetAlias(std::string address) override;
  Task<absl::StatusOr<store::AliasPage>> ListAliases(std::string page_token,
                                                     size_t page_size) override;
};

struct FakeMailboxes final : store::Mailboxes {
  Task<absl::StatusOr<std::vector<store::MailboxStatus>>> List(std::string address) override;
  Task<absl::StatusOr<store::MailboxStatus>> Get(std::string address,
                                                 std::string mailbox) override;
  Task<absl::StatusOr<store::RowPage>> QueryMessages(std::string address, std::string mailbox,
                                                     store::RowQuery query) override;
  Task<absl::StatusOr<store::Changes>> ListChanges(std::string address, std::string mailbox,
                                                   store::ChangePlace after,
                                                   uint32_t limit) override;
  Task<absl::StatusOr<store::ExpungedPage>> ListExpunged(std::string address,
                                                         std::string mailbox,
                                                         uint64_t after_modseq,
                                                         uint32_t after_uid,
                                                         uint32_t limit) override;
  Task<absl::StatusOr<std::vector<store::UndeletedMessage>>> Undelete(
      std::string address, std::string mailbox, std::vector<uint32_t> uids) override;
  Task<absl::StatusOr<store::FlagsAnswer>> StoreFlags(std::string address, std::string mailbox,
                                                      std::vector<store::UidRange> uids,
                                                      store::FlagChange change,
                                                      uint32_t limit) override;
  Task<absl::StatusOr<store::ExpungeAnswer>> Expunge(std::string address, std::string mailbox,
                                                     std::vector<store::UidRange> uids,
                                                     bool only_deleted,
                                                     uint32_t limit) override;
  Task<absl::StatusOr<store::RecentMessages>> ClaimRecent(std::string address,
                                                          std::string mailbox) override;
  Task<absl::StatusOr<store::CopyAnswer>> Copy(std::string address, std::string mailbox,
                                               std::vector<store::UidRange> uids,
                                               std::string target) override;
  Task<absl::StatusOr<store::CopyAnswer>> Move(std::string address, std::string mailbox,
                                               std::vector<store::UidRange> uids,
                                               std::string target, uint32_t limit) override;
  Task<absl::StatusOr<std::unique_ptr<store::Appending>>> Append(std::string address,
                                                                 std::string mailbox) override;
  Task<absl::StatusOr<std::vector<uint32_t>>> FindAppended(
      std::string address, std::string mailbox, std::vector<std::string> ids) override;
  Task<absl::StatusOr<store::MailboxStatus>> AdoptUids(std::string address, std::string mailbox,
                                                       uint32_t uidvalidity,
                                                       uint32_t uid_next) override;
  Task<absl::StatusOr<store::MailboxStatus>> Create(
      std::string address, std::string mailbox, std::vector<std::string> special_use) override;
  Task<absl::Status> Rename(std::string address, std::string mailbox,
                            std::string new_name) override;
  Task<absl::Status> Delete(std::string address, std::string mailbox) override;
  Task<absl::Status> SetSpecialUse(std::string address, std::string mailbox,
                                   std::vector<std::string> special_use) override;
  Task<absl::Status> SetSubscribed(std::string address, std::string mailbox,
                                   bool subscribed) override;
  Task<absl::StatusOr<std::vector<std::string>>> Subscriptions(std::string address) override;
  Task<absl::StatusOr<std::unique_ptr<store::MailboxWatch>>> Watch(
      std::string address, store::WatchRequest request) override;
};

struct FakeStore final : store::Store {
  using Report = std::function<void(store::VerifyFinding)>;

  FakeAccounts fake_accounts;
  FakeAliases fake_aliases;
  FakeMaildrops fake_maildrops;
  FakeMessages fake_messages;
  FakeMailboxes fake_mailboxes;
  FakeDeliveries fake_deliveries;
  std::function<Task<absl::StatusOr<store::VerifySummary>>(Report)> verify;

  store::Accounts& accounts() override { return fake_accounts; }
  store::Aliases& aliases() override { return fake_aliases; }
  store::Maildrops& maildrops() override { return fake_maildrops; }
  store::Messages& messages() override { return fake_messages; }
  store::Mailboxes& mailboxes() override { return fake_mailboxes; }
  store::Deliveries& deliveries() override { return fake_deliveries; }
  Task<absl::StatusOr<store::VerifySummary>> Verify(store::VerifyOptions options,
                                                    Report report) override;
  Task<absl::StatusOr<uint64_t>> Reclaim() override;
  Task<absl::StatusOr<uint64_t>> Expire() override;
  Task<absl::Status> Purge() override { return Now(absl::OkStatus()); }
  Task<absl::StatusOr<engine::BackupInfo>> CreateBackup() override;
  Task<absl::StatusOr<std::vector<engine::BackupInfo>>> ListBackups() override;
  Task<absl::StatusOr<uint64_t>> PruneBackups(uint32_t keep) override;
  Task<absl::StatusOr<store::RestoreSummary>> RestoreAccount(engine::BackupChoice backup,
                                                             std::string address,
                                                             std::string mailbox) override;
  std::map<std::string, double> Stats() const override { return {{"fake_total", 7}}; }
};

}  // namespace restante::rpc
