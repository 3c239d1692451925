#include "tests/rpc/fake_store.h"

#include "absl/strings/str_cat.h"

namespace restante::rpc {
namespace {

absl::Status Unexpected(absl::string_view what) {
  ADD_FAILURE() << "the store was asked for " << std::string(what);
  return absl::InternalError(absl::StrCat("unexpected: ", what));
}

class FakeDelivery final : public store::Delivery {
 public:
  FakeDelivery(FakeDeliveries& deliveries, store::Envelope envelope)
      : deliveries_(deliveries), envelope_(std::move(envelope)) {}
  ~FakeDelivery() override {
    if (!finished_) deliveries_.journal.Note("drop " + envelope_.sender);
  }

  Task<absl::Status> Append(std::string data) override {
    deliveries_.journal.Note(absl::StrCat("append ", envelope_.sender, " ", data.size()));
    if (deliveries_.append) return deliveries_.append(envelope_.sender, std::move(data));
    return Now(absl::OkStatus());
  }

  Task<std::vector<store::RecipientResult>> Finish() override {
    finished_ = true;
    deliveries_.journal.Note("finish " + envelope_.sender);
    if (deliveries_.finish) return deliveries_.finish(envelope_.sender);
    return Now(std::vector<store::RecipientResult>(envelope_.recipients.size(), {.uid = 1}));
  }

 private:
  FakeDeliveries& deliveries_;
  const store::Envelope envelope_;
  bool finished_ = false;
};

class FakeReader final : public store::MessageReader {
 public:
  explicit FakeReader(FakeMessages& messages) : messages_(messages) {}
  Task<FakeMessages::Frame> Next() override { return messages_.next(); }

 private:
  FakeMessages& messages_;
};

Task<absl::StatusOr<std::unique_ptr<store::Delivery>>> BeginFake(FakeDeliveries* deliveries,
                                                                 store::Envelope envelope) {
  deliveries->journal.Note("begin " + envelope.sender);
  if (deliveries->begin) {
    std::string sender = envelope.sender;
    absl::Status status = co_await deliveries->begin(std::move(sender));
    if (!status.ok()) co_return status;
  }
  co_return std::make_unique<FakeDelivery>(*deliveries, std::move(envelope));
}

Task<absl::StatusOr<std::unique_ptr<store::MessageReader>>> OpenFake(FakeMessages* messages) {
  if (messages->read) {
    absl::Status status = messages->read();
    if (!status.ok()) co_return status;
  }
  co_return std::make_unique<FakeReader>(*messages);
}

}  // namespace

store::LeaseId FakeMaildrops::BeginLease(LeaseEvents events) {
  absl::MutexLock lock(&mutex_);
  leases.Note(absl::StrCat("begin ", ++last_lease_));
  if (events.announce) events.announce(announcement);
  watchers_[last_lease_] = std::move(events);
  return last_lease_;
}

void FakeMaildrops::Heard(store::LeaseId /*lease*/) { ++heard; }

void FakeMaildrops::WatchForSilence(store::LeaseId lease, absl::Duration heartbeat) {
  leases.Note(absl::StrCat("watch ", lease, " ", absl::FormatDuration(heartbeat)));
}

Task<absl::Status> FakeMaildrops::MarkRetrieved(std::string token,
                                                std::vector<store::UidRange> retrieved) {
  if (!mark_retrieved) return Now(Unexpected("MarkRetrieved"));
  return Now(mark_retrieved(std::move(token), std::move(retrieved)));
}

std::shared_ptr<store::PendingLogin> FakeMaildrops::pending() {
  absl::MutexLock lock(&mutex_);
  return pending_;
}

void FakeMaildrops::CancelLogin(store::PendingLogin& pending) {
  pending.Cancel();
  ++cancelled;
  if (cancel) cancel();
}

void FakeMaildrops::EndBySilence(store::LeaseId lease) {
  absl::MutexLock lock(&mutex_);
  watchers_.at(lease).over();
}

bool FakeMaildrops::IsHeldUp(store::LeaseId lease) {
  absl::MutexLock lock(&mutex_);
  return watchers_.at(lease).held_up();
}

void FakeMaildrops::EndLease(store::LeaseId lease) {
  leases.Note(absl::StrCat("end ", lease));
  absl::MutexLock lock(&mutex_);
  watchers_.erase(lease);
}

void FakeMaildrops::Announce(const store::Pop3Announcement& changed) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [lease, events] : watchers_) events.announce(changed);
}

Task<FakeMaildrops::Opened> FakeMaildrops::Login(store::LeaseId lease,
                                                 store::LoginCredentials credentials,
                                                 store::ClientInfo /*client*/,
                                                 uint32_t /*first_rows*/,
                                                 store::SessionOptions options) {
  {
    absl::MutexLock lock(&mutex_);
    pending_ = options.pending;
  }
  if (!login) return Now<Opened>(Unexpected("Login"));
  return login(lease, std::move(credentials.address));
}

Task<FakeMaildrops::Opened> FakeMaildrops::Open(store::LeaseId lease, std::string auth_token,
                                                store::ClientInfo /*client*/,
                                                uint32_t /*first_rows*/,
                                                store::SessionOptions options) {
  {
    absl::MutexLock lock(&mutex_);
    pending_ = options.pending;
  }
  if (!open) return Now<Opened>(Unexpected("Open"));
  return open(lease, std::move(auth_token));
}

Task<absl::Status> FakeMaildrops::Resume(store::LeaseId lease, std::string token) {
  if (!resume) return Now(Unexpected("Resume"));
  return resume(lease, std::move(token));
}

Task<absl::StatusOr<store::MaildropRowPage>> FakeMaildrops::Rows(std::string token,
                                                                 uint32_t after_uid,
                                                                 uint32_t limit) {
  if (!rows) return Now<absl::StatusOr<store::MaildropRowPage>>(Unexpected("Rows"));
  return rows(std::move(token), after_uid, limit);
}

Task<absl::StatusOr<uint64_t>> FakeMaildrops::Commit(std::string token,
                                                     std::vector<store::UidRange> uids,
                                                     std::vector<store::UidRange> /*retrieved*/,
                                                     bool close_after) {
  if (!commit) return Now<absl::StatusOr<uint64_t>>(Unexpected("Commit"));
  return commit(std::move(token), std::move(uids), close_after);
}

Task<absl::Status> FakeMaildrops::Close(std::string token,
                                        std::vector<store::UidRange> /*retrieved*/) {
  return Now(close ? close(std::move(token)) : Unexpected("Close"));
}

absl::StatusOr<absl::Duration> FakeMaildrops::Renew(const std::string& token) {
  return renew ? renew(token) : Unexpected("Renew");
}

Task<absl::StatusOr<std::unique_ptr<store::Delivery>>> FakeDeliveries::Begin(
    store::Envelope envelope) {
  return BeginFake(this, std::move(envelope));
}

Task<std::vector<store::RecipientCheck>> FakeDeliveries::CheckRecipients(
    std::vector<std::string> recipients, uint64_t /*declared_octets*/) {
  if (check) return check(std::move(recipients));
  return Now(std::vector<store::RecipientCheck>(recipients.size()));
}

Task<absl::StatusOr<store::AliasInfo>> FakeAliases::AddAlias(
    std::string /*address*/, std::vector<std::string> /*targets*/) {
  return Now<absl::StatusOr<store::AliasInfo>>(Unexpected("AddAlias"));
}

Task<absl::StatusOr<store::AliasInfo>> FakeAliases::RemoveAlias(
    std::string /*address*/, std::vector<std::string> /*targets*/) {
  return Now<absl::StatusOr<store::AliasInfo>>(Unexpected("RemoveAlias"));
}

Task<absl::StatusOr<store::AliasInfo>> FakeAliases::GetAlias(std::string /*address*/) {
  return Now<absl::StatusOr<store::AliasInfo>>(Unexpected("GetAlias"));
}

Task<absl::StatusOr<store::AliasPage>> FakeAliases::ListAliases(std::string /*page_token*/,
                                                                size_t /*page_size*/) {
  return Now<absl::StatusOr<store::AliasPage>>(Unexpected("ListAliases"));
}

Task<absl::StatusOr<std::unique_ptr<store::MessageReader>>> FakeMessages::Read(
    std::string /*session_token*/, std::vector<store::ReadPart> /*parts*/) {
  return OpenFake(this);
}

Task<absl::StatusOr<std::unique_ptr<store::MessageReader>>> FakeMessages::Fetch(
    std::string /*address*/, std::string /*mailbox*/, std::vector<store::ReadPart> /*parts*/) {
  return OpenFake(this);
}

Task<absl::StatusOr<store::AccountInfo>> FakeAccounts::Create(store::NewAccount /*account*/) {
  return Now<absl::StatusOr<store::AccountInfo>>(Unexpected("Create"));
}

Task<absl::StatusOr<store::AccountInfo>> FakeAccounts::Get(std::string address) {
  if (!get) return Now<absl::StatusOr<store::AccountInfo>>(Unexpected("Get"));
  return get(std::move(address));
}

Task<absl::StatusOr<store::AccountPage>> FakeAccounts::List(std::string /*page_token*/,
                                                            size_t /*page_size*/) {
  return Now<absl::StatusOr<store::AccountPage>>(Unexpected("List"));
}

Task<absl::StatusOr<store::AccountInfo>> FakeAccounts::Update(std::string /*address*/,
                                                              store::AccountChange /*change*/) {
  return Now<absl::StatusOr<store::AccountInfo>>(Unexpected("Update"));
}

Task<absl::Status> FakeAccounts::SetPassword(std::string /*address*/,
                                             store::Credential /*credential*/) {
  return Now(Unexpected("SetPassword"));
}

Task<absl::Status> FakeAccounts::Delete(std::string /*address*/) {
  return Now(Unexpected("Delete"));
}

Task<absl::StatusOr<store::AccountInfo>> FakeAccounts::Rename(std::string /*address*/,
                                                              std::string /*new_address*/,
                                                              bool /*keep_alias*/) {
  return Now<absl::StatusOr<store::AccountInfo>>(Unexpected("Rename"));
}

Task<absl::StatusOr<store::DomainQuota>> FakeAccounts::SetDomainQuota(
    std::string /*domain*/, store::DomainQuotaChange /*change*/) {
  return Now<absl::StatusOr<store::DomainQuota>>(Unexpected("SetDomainQuota"));
}

Task<absl::StatusOr<store::DomainQuotaList>> FakeAccounts::ListDomainQuotas(
    std::string /*domain*/) {
  return Now<absl::StatusOr<store::DomainQuotaList>>(Unexpected("ListDomainQuotas"));
}

Task<absl::StatusOr<store::DomainFiling>> FakeAccounts::SetDomainFiling(
    std::string /*domain*/, std::optional<store::FilingRules> /*rules*/) {
  return Now<absl::StatusOr<store::DomainFiling>>(Unexpected("SetDomainFiling"));
}

Task<absl::StatusOr<std::vector<store::DomainFiling>>> FakeAccounts::ListDomainFiling(
    std::string /*domain*/) {
  return Now<absl::StatusOr<std::vector<store::DomainFiling>>>(Unexpected("ListDomainFiling"));
}

Task<absl::StatusOr<store::ImportReport>> FakeAccounts::Import(
    std::vector<store::NewAccount> accounts) {
  if (!import) return Now<absl::StatusOr<store::ImportReport>>(Unexpected("Import"));
  return import(std::move(accounts));
}

Task<absl::StatusOr<store::DomainPolicy>> FakeAccounts::SetDomainPolicy(
    std::string /*domain*/, store::Pop3PolicyChange /*change*/) {
  return Now<absl::StatusOr<store::DomainPolicy>>(Unexpected("SetDomainPolicy"));
}

Task<absl::StatusOr<store::DomainPolicies>> FakeAccounts::ListDomainPolicies(
    std::string /*domain*/) {
  return Now<absl::StatusOr<store::DomainPolicies>>(Unexpected("ListDomainPolicies"));
}

Task<absl::StatusOr<store::Authenticated>> FakeAccounts::AuthenticatePassword(
    std::string /*address*/, std::string /*password*/, store::ClientInfo /*client*/) {
  return Now<absl::StatusOr<store::Authenticated>>(Unexpected("AuthenticatePassword"));
}

Task<absl::StatusOr<std::vector<store::MailboxStatus>>> FakeMailboxes::List(
    std::string /*address*/) {
  return Now<absl::StatusOr<std::vector<store::MailboxStatus>>>(Unexpected("List"));
}

Task<absl::StatusOr<store::MailboxStatus>> FakeMailboxes::Get(std::string /*address*/,
                                                              std::string /*mailbox*/) {
  return Now<absl::StatusOr<store::MailboxStatus>>(Unexpected("Get"));
}

Task<absl::StatusOr<store::FlagsAnswer>> FakeMailboxes::StoreFlags(
    std::string /*address*/, std::string /*mailbox*/, std::vector<store::UidRange> /*uids*/,
    store::FlagChange /*change*/, uint32_t /*limit*/) {
  return Now<absl::StatusOr<store::FlagsAnswer>>(Unexpected("StoreFlags"));
}

Task<absl::StatusOr<store::ExpungeAnswer>> FakeMailboxes::Expunge(
    std::string /*address*/, std::string /*mailbox*/, std::vector<store::UidRange> /*uids*/,
    bool /*only_deleted*/, uint32_t /*limit*/) {
  return Now<absl::StatusOr<store::ExpungeAnswer>>(Unexpected("Expunge"));
}

Task<absl::StatusOr<store::RecentMessages>> FakeMailboxes::ClaimRecent(
    std::string /*address*/, std::string /*mailbox*/) {
  return Now<absl::StatusOr<store::RecentMessages>>(Unexpected("ClaimRecent"));
}

Task<absl::StatusOr<store::CopyAnswer>> FakeMailboxes::Copy(
    std::string /*address*/, std::string /*mailbox*/, std::vector<store::UidRange> /*uids*/,
    std::string /*target*/) {
  return Now<absl::StatusOr<store::CopyAnswer>>(Unexpected("Copy"));
}

Task<absl::StatusOr<store::CopyAnswer>> FakeMailboxes::Move(
    std::string /*address*/, std::string /*mailbox*/, std::vector<store::UidRange> /*uids*/,
    std::string /*target*/, uint32_t /*limit*/) {
  return Now<absl::StatusOr<store::CopyAnswer>>(Unexpected("Move"));
}

Task<absl::StatusOr<std::unique_ptr<store::Appending>>> FakeMailboxes::Append(
    std::string /*address*/, std::string /*mailbox*/) {
  return Now<absl::StatusOr<std::unique_ptr<store::Appending>>>(Unexpected("Append"));
}

Task<absl::StatusOr<std::vector<uint32_t>>> FakeMailboxes::FindAppended(
    std::string /*address*/, std::string /*mailbox*/, std::vector<std::string> /*ids*/) {
  return Now<absl::StatusOr<std::vector<uint32_t>>>(Unexpected("FindAppended"));
}

Task<absl::StatusOr<store::MailboxStatus>> FakeMailboxes::AdoptUids(std::string /*address*/,
                                                                    std::string /*mailbox*/,
                                                                    uint32_t /*uidvalidity*/,
                                                                    uint32_t /*uid_next*/) {
  return Now<absl::StatusOr<store::MailboxStatus>>(Unexpected("AdoptUids"));
}

Task<absl::StatusOr<store::MailboxStatus>> FakeMailboxes::Create(
    std::string /*address*/, std::string /*mailbox*/,
    std::vector<std::string> /*special_use*/) {
  return Now<absl::StatusOr<store::MailboxStatus>>(Unexpected("Create"));
}

Task<absl::Status> FakeMailboxes::Rename(std::string /*address*/, std::string /*mailbox*/,
                                         std::string /*new_name*/) {
  return Now(Unexpected("Rename"));
}

Task<absl::Status> FakeMailboxes::Delete(std::string /*address*/, std::string /*mailbox*/) {
  return Now(Unexpected("Delete"));
}

Task<absl::Status> FakeMailboxes::SetSpecialUse(std::string /*address*/,
                                                std::string /*mailbox*/,
                                                std::vector<std::string> /*special_use*/) {
  return Now(Unexpected("SetSpecialUse"));
}

Task<absl::Status> FakeMailboxes::SetSubscribed(std::string /*address*/,
                                                std::string /*mailbox*/, bool /*subscribed*/) {
  return Now(Unexpected("SetSubscribed"));
}

Task<absl::StatusOr<std::vector<std::string>>> FakeMailboxes::Subscriptions(
    std::string /*address*/) {
  return Now<absl::StatusOr<std::vector<std::string>>>(Unexpected("Subscriptions"));
}

Task<absl::StatusOr<std::unique_ptr<store::MailboxWatch>>> FakeMailboxes::Watch(
    std::string /*address*/, store::WatchRequest /*request*/) {
  return Now<absl::StatusOr<std::unique_ptr<store::MailboxWatch>>>(Unexpected("Watch"));
}

Task<absl::StatusOr<store::RowPage>> FakeMailboxes::QueryMessages(std::string /*address*/,
                                                                  std::string /*mailbox*/,
                                                                  store::RowQuery /*query*/) {
  return Now<absl::StatusOr<store::RowPage>>(Unexpected("ListMessages"));
}

Task<absl::StatusOr<store::Changes>> FakeMailboxes::ListChanges(std::string /*address*/,
                                                                std::string /*mailbox*/,
                                                                store::ChangePlace /*after*/,
                                                                uint32_t /*limit*/) {
  return Now<absl::StatusOr<store::Changes>>(Unexpected("ListChanges"));
}

Task<absl::StatusOr<store::ExpungedPage>> FakeMailboxes::ListExpunged(std::string /*address*/,
                                                                      std::string /*mailbox*/,
                                                                      uint64_t /*after_modseq*/,
                                                                      uint32_t /*after_uid*/,
                                                                      uint32_t /*limit*/) {
  return Now<absl::StatusOr<store::ExpungedPage>>(Unexpected("ListExpunged"));
}

Task<absl::StatusOr<std::vector<store::UndeletedMessage>>> FakeMailboxes::Undelete(
    std::string /*address*/, std::string /*mailbox*/, std::vector<uint32_t> /*uids*/) {
  return Now<absl::StatusOr<std::vector<store::UndeletedMessage>>>(Unexpected("Undelete"));
}

Task<absl::StatusOr<store::VerifySummary>> FakeStore::Verify(store::VerifyOptions /*options*/,
                                                             Report report) {
  if (!verify) return Now<absl::StatusOr<store::VerifySummary>>(Unexpected("Verify"));
  return verify(std::move(report));
}

Task<absl::StatusOr<uint64_t>> FakeStore::Expire() {
  return Now<absl::StatusOr<uint64_t>>(Unexpected("Expire"));
}

Task<absl::StatusOr<engine::BackupInfo>> FakeStore::CreateBackup() {
  return Now<absl::StatusOr<engine::BackupInfo>>(Unexpected("CreateBackup"));
}

Task<absl::StatusOr<std::vector<engine::BackupInfo>>> FakeStore::ListBackups() {
  return Now<absl::StatusOr<std::vector<engine::BackupInfo>>>(Unexpected("ListBackups"));
}

Task<absl::StatusOr<uint64_t>> FakeStore::PruneBackups(uint32_t /*keep*/) {
  return Now<absl::StatusOr<uint64_t>>(Unexpected("PruneBackups"));
}

Task<absl::StatusOr<store::RestoreSummary>> FakeStore::RestoreAccount(
    engine::BackupChoice /*backup*/, std::string /*address*/, std::string /*mailbox*/) {
  return Now<absl::StatusOr<store::RestoreSummary>>(Unexpected("RestoreAccount"));
}

Task<absl::StatusOr<uint64_t>> FakeStore::Reclaim() {
  return Now<absl::StatusOr<uint64_t>>(Unexpected("Reclaim"));
}

}  // namespace restante::rpc
