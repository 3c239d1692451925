// The directory over an engine: accounts, their addresses, and who may log in.
// It decides what exists; mailboxes' contents are MailboxTable's.
//
// An account comes into being with its entry in the address map, written last,
// and ceases to be with that entry's removal, done first: a crash leaves at most
// shards that nothing points to, never an address without an account.
//
// Every method may be called from any thread. What is cached completes on the
// calling thread; VerifyPassword completes there as well when the password was
// right a short while ago, otherwise on a thread of the password pool.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/accounts.h"
#include "storage-service/store/alias_map.h"
#include "storage-service/store/aliases.h"
#include "storage-service/store/async_mutex.h"
#include "storage-service/store/last_uidvalidities.h"
#include "storage-service/store/refused_passwords.h"
#include "storage-service/store/store.h"
#include "storage-service/store/tokens.h"
#include "storage-service/store/types.h"

namespace restante::store {

namespace format {
class AccountRecord;
class RenameEntry;
}  // namespace format

class AccountCache;
class AccountRecords;
class AddressMap;
class ClientCertificates;
class DomainQuotas;
class FilingSettings;
class MailboxTable;
class PasswordCache;
class PasswordHasher;
class PasswordPool;
class Policies;
class QuotaClaim;
class Reservations;
class Usage;

// An account as the rest of the store needs it. Never changes: an update makes a
// new entry with a higher generation.
struct AccountEntry {
  AccountId id;
  std::string address;  // as created
  bool disabled = false;
  Quota quota;  // its own
  bool pop3_disabled = false;
  bool imap_disabled = false;
  std::string password_hash;  // a crypt(5) string
  uint64_t generation = 0;    // grows with every change of the account
  MailboxId inbox;
  uint32_t inbox_uidvalidity = 0;
  bool inbox_subscribed = false;
  absl::Time created;
  std::string domain;  // of the address, in normal form; empty: none
  Pop3Policy own_policy;
  std::shared_ptr<const FilingRules> own_filing;  // null: inherited
};

class Directory : public Accounts, public Aliases {
 public:
  using Entry = std::shared_ptr<const AccountEntry>;

  // All pointers must outlive the directory. `hasher` is for tests; null means
  // libcrypt's default method. No call may be under way at destruction, but for
  // passwords that wait for their turn: they end with CANCELLED.
  Directory(engine::Engine* engine, MailboxTable* mailboxes, const TokenSealer* sealer,
            const Clock* clock, const StoreOptions& options,
            std::unique_ptr<PasswordHasher> hasher = nullptr);
  ~Directory() override;

  // Reads client_ca_file, if there is one, and finishes deletions that a crash
  // interrupted. Before any other call. A deletion
  // that can't be finished is logged and waits for the next start.
  Task<absl::Status> Start();

  // The account of exactly this address. NO_SUCH_ACCOUNT, BAD_ADDRESS.
  Task<absl::StatusOr<Entry>> Find(std::string address);

  // Where mail to this address goes, as aliases.h says. NO_SUCH_ACCOUNT, BAD_ADDRESS,
  // BAD_ALIAS.
  struct Route {
    std::vector<Entry> accounts;       // at least one, and each once
    std::vector<std::string> details;  // of each of them, as FindForDetail takes it
    std::string alias;                 // the first on the way, "@domain" for a catch-all
  };
  Task<absl::StatusOr<Route>> FindRecipient(std::string address);

  // What FindRecipient and QuotaOf have answered and wouldn't any more.
  RecipientChanges& recipient_changes() { return recipient_changes_; }

  // NO_SUCH_ACCOUNT.
  Task<absl::StatusOr<Entry>> FindById(AccountId id);

  // An account's mailboxes, by name; and one of them, INBOX in any case and as "".
  // NO_SUCH_ACCOUNT, NO_SUCH_MAILBOX.
  struct NamedMailbox {
    std::string name;
    MailboxId id;
    uint32_t uidvalidity = 0;
    uint32_t special_use = 0;  // bits of mailbox_names.h
  };
  Task<absl::StatusOr<std::vector<NamedMailbox>>> MailboxesOf(AccountId account);
  Task<absl::StatusOr<NamedMailbox>> FindMailbox(Entry account, std::string name);
  // The mailbox that a recipient's detail asks for; directory_routing.cc. INBOX, if there is
  // none, or it isn't one for mail from outside, or this isn't clear.
  Task<absl::StatusOr<NamedMailbox>> FindForDetail(Entry account, std::string detail);
  // What holds for an account now; null: no rules.
  std::shared_ptr<const FilingRules> FilingOf(const AccountEntry& account) const;
  // The mailbox that a rule names, made and subscribed to if there is none; INBOX if it
  // can't be made.
  Task<absl::StatusOr<NamedMailbox>> FindForRule(Entry account, std::string mailbox);
  // The mailbox of this name, which isn't INBOX; made if there is none.
  Task<absl::StatusOr<MailboxId>> FindOrMakeMailbox(AccountId account, std::string name);

  // What clients do with mailboxes; directory_hierarchy.cc. Names are canonical after
  // mailbox_names.h. BAD_ADDRESS, NO_SUCH_MAILBOX, MAILBOX_EXISTS, INVALID_REQUEST.
  //
  // A new one, and those above it that aren't there. MAILBOX_EXISTS.
  Task<absl::StatusOr<NamedMailbox>> CreateMailbox(Entry account, std::string name,
                                                   uint32_t special_use);
  // With all that is below it, in one commit; ids and UIDVALIDITYs stay. Not INBOX.
  Task<absl::Status> RenameMailbox(Entry account, std::string from, std::string to);
  // Its mail is gone at once for everybody, and given back by the reclaimer, to which
  // the id has to be told, whatever the outcome. Not INBOX. MAILBOX_HAS_CHILDREN.
  Task<absl::Status> DeleteMailbox(Entry account, NamedMailbox mailbox);
  // Each use is that of one mailbox at most.
  Task<absl::Status> SetSpecialUse(Entry account, std::string name, uint32_t special_use);
  // The account's record of the UIDVALIDITY that a mailbox has.
  Task<absl::Status> SetUidvalidity(Entry account, NamedMailbox mailbox);
  Task<absl::StatusOr<std::vector<std::string>>> SubscriptionsOf(AccountId account);
  Task<absl::StatusOr<bool>> IsSubscribed(Entry account, std::string name);
  Task<absl::Status> SetSubscribed(Entry account, std::string name, bool subscribed);
  // Whether an account has this mailbox, under whatever name.
  Task<absl::StatusOr<bool>> HasMailbox(AccountId account, MailboxId mailbox);

  // Of a page of accounts behind `after`, erases those that no address leads to and that
  // have never held mail: a crash while they were made leaves them. The last account of
  // the page; the zero id: there is no more.
  Task<absl::StatusOr<AccountId>> EraseOrphans(AccountId after);

  // What the account's mailboxes hold together, kept up to date while somebody has it.
  Task<absl::StatusOr<std::shared_ptr<Usage>>> UsageOf(Entry account);

  // What mail for the account has to keep within, its domain's quota included; mail that
  // is delivered may make use of the grace.
  enum class For { kDelivery, kUser };
  Task<absl::StatusOr<QuotaClaim>> QuotaOf(Entry account, For use);
  DomainQuotas& quotas() { return *quotas_; }

  // For what walks through all accounts: ids after `after`, and an account without
  // keeping it in memory. A shard that no address leads to (any more) counts.
  Task<absl::StatusOr<std::vector<AccountId>>> ListAccountIds(AccountId after, size_t limit);
  Task<absl::StatusOr<Entry>> Peek(AccountId account);

  // What holds for an account now.
  Pop3Policy EffectivePolicy(const AccountEntry& account) const;
  Policies& policies() { return *policies_; }

  // BAD_CREDENTIALS: unknown address or wrong password, at the same expense.
  // ACCOUNT_DISABLED only after the right password. OVERLOADED: too many
  // verifications are waiting; CANCELLED: shutting down. BAD_CREDENTIALS is logged with
  // the client's address, as its front-end gave it.
  Task<absl::StatusOr<Entry>> VerifyPassword(std::string address, std::string password,
                                             ClientInfo client);

  // The account of a client that has proved by TLS that `chain` (DER, its own
  // certificate first) is its own. `address` may be empty if the certificate names
  // one only. BAD_CREDENTIALS: it doesn't prove that, for whatever reason;
  // ACCOUNT_DISABLED.
  Task<absl::StatusOr<Entry>> VerifyCertificates(std::vector<std::string> chain,
                                                 std::string address, ClientInfo client);

  // The account that AuthenticatePassword gave this token for. BAD_TOKEN: forged,
  // expired, or the account has changed since. ACCOUNT_DISABLED.
  Task<absl::StatusOr<Entry>> CheckAuthToken(std::string token);

  // Scans addresses and account shards and reports what doesn't fit. The number
  // of accounts. For Store::Verify, which looks into the mailboxes itself. With `repair`,
  // mailboxes that an account names and that aren't there are made anew, empty, and the
  // account's UIDVALIDITYs become those of its mailboxes.
  Task<absl::StatusOr<uint64_t>> Verify(std::function<void(VerifyFinding)> report,
                                        bool repair = false);

  // For repairs. Whose mailbox this is, by the names of all accounts; nothing: nobody's.
  struct Owner {
    AccountId account;
    NamedMailbox mailbox;
  };
  Task<absl::StatusOr<std::optional<Owner>>> OwnerOf(MailboxId mailbox);
  // More than all UIDVALIDITYs that the account's mailboxes have had.
  Task<absl::StatusOr<uint32_t>> NewUidvalidity(AccountId account);
  // What the account's record says of its mailbox.
  Task<absl::Status> SetUidvalidity(AccountId account, NamedMailbox mailbox);
  // Names a mailbox, unless it has one.
  Task<absl::Status> Reattach(AccountId account, NamedMailbox mailbox);

  // Accounts.
  Task<absl::StatusOr<AccountInfo>> Create(NewAccount account) override;
  Task<absl::StatusOr<AccountInfo>> Get(std::string address) override;
  Task<absl::StatusOr<AccountPage>> List(std::string page_token, size_t page_size) override;
  Task<absl::StatusOr<AccountInfo>> Update(std::string address, AccountChange change) override;
  Task<absl::Status> SetPassword(std::string address, Credential credential) override;
  Task<absl::Status> Delete(std::string address) override;
  Task<absl::StatusOr<AccountInfo>> Rename(std::string address, std::string new_address,
                                           bool keep_alias) override;
  Task<absl::StatusOr<ImportReport>> Import(std::vector<NewAccount> accounts) override;
  Task<absl::StatusOr<DomainPolicy>> SetDomainPolicy(std::string domain,
                                                     Pop3PolicyChange change) override;
  Task<absl::StatusOr<DomainPolicies>> ListDomainPolicies(std::string domain) override;
  Task<absl::StatusOr<DomainQuota>> SetDomainQuota(std::string domain,
                                                   DomainQuotaChange change) override;
  Task<absl::StatusOr<DomainQuotaList>> ListDomainQuotas(std::string domain) override;
  Task<absl::StatusOr<DomainFiling>> SetDomainFiling(std::string domain,
                                                     std::optional<FilingRules> rules) override;
  Task<absl::StatusOr<std::vector<DomainFiling>>> ListDomainFiling(std::string domain) override;
  Task<absl::StatusOr<Authenticated>> AuthenticatePassword(std::string address,
                                                           std::string password,
                                                           ClientInfo client) override;

  // Aliases; directory_aliases.cc.
  Task<absl::StatusOr<AliasInfo>> AddAlias(std::string address,
                                           std::vector<std::string> targets) override;
  Task<absl::StatusOr<AliasInfo>> RemoveAlias(std::string address,
                                              std::vector<std::string> targets) override;
  Task<absl::StatusOr<AliasInfo>> GetAlias(std::string address) override;
  Task<absl::StatusOr<AliasPage>> ListAliases(std::string page_token,
                                              size_t page_size) override;

 private:
  struct Planned;  // an account to be made
  struct Plan;     // an import's

  // What an address is, its own or without +detail; neither: nothing.
  struct Addressed {
    Entry account;
    std::optional<AliasMap::Alias> alias;
    bool without_detail = false;
  };
  Task<absl::StatusOr<Addressed>> FindAddressed(std::string normalized);
  Task<absl::StatusOr<Addressed>> FindExactly(std::string normalized);
  Task<absl::StatusOr<Addressed>> FindTarget(AliasMap::Target target);
  struct Expansion;
  Task<absl::Status> Expand(AliasMap::Alias alias, std::string detail, Expansion* expansion);
  Task<absl::StatusOr<AliasMap::Target>> TargetOf(std::string address);
  Task<absl::StatusOr<AliasInfo>> InfoOfAlias(AliasMap::Alias alias);

  // VerifyPassword, without its line in the log.
  Task<absl::StatusOr<Entry>> CheckPasswordOf(std::string address, std::string password);
  Task<absl::StatusOr<Entry>> FindNormalized(std::string normalized);
  // By the address as it was typed, or else as SASLprep has it. Null: there is none.
  Task<absl::StatusOr<Entry>> FindForLogin(std::string address);
  Task<absl::StatusOr<AccountInfo>> InfoOf(Entry entry);
  Task<void> ListOne(AccountId account, absl::StatusOr<AccountInfo>* info);
  // Changes the record and forgets what was cached of it.
  Task<absl::StatusOr<Entry>> Change(std::string address,
                                     std::function<void(format::AccountRecord*)> change);
  Task<absl::StatusOr<Entry>> ChangePolicy(std::string address, AccountChange change);
  Task<absl::StatusOr<std::optional<Pop3Policy>>> ReadOwnPolicy(AccountId account);
  Task<absl::StatusOr<std::string>> HashOf(Credential credential);

  // New ids for an account; all but the password hash.
  Planned PlanAccount(std::string address, std::string normalized, Quota quota) const;
  // An account's mailbox and shard, to which no address leads yet.
  Task<absl::Status> Build(const Planned* planned);
  Task<void> Demolish(const Planned* planned);
  // A rename that was begun, from wherever it has come to; directory_rename.cc.
  Task<absl::Status> FinishRename(AccountId account, format::RenameEntry rename);
  Task<absl::Status> ChangeAddress(AccountId account, format::RenameEntry rename);
  Task<absl::Status> FinishRenames();

  // What follows the removal of an address.
  Task<absl::Status> FinishDeletion(AccountId account, std::string address, uint8_t slice);

  Task<void> CheckFree(Plan* plan, size_t index);
  Task<void> HashOne(Plan* plan, size_t index);
  Task<void> BuildOne(Plan* plan, size_t index);
  Task<void> InsertSlice(Plan* plan, size_t slice);
  Task<void> DemolishOne(Plan* plan, size_t index);

  uint32_t Seconds() const;

  // The mailbox of a legal name; `fresh`: it was made just now.
  struct Made {
    NamedMailbox mailbox;
    bool fresh = false;
  };
  Task<absl::StatusOr<Made>> FindOrMake(AccountId account, std::string name,
                                        uint32_t special_use);

  // What is wrong with an account that an address leads to; empty: nothing.
  Task<absl::StatusOr<std::string>> FlawOf(std::string address, AccountId account,
                                           size_t slice);
  Task<absl::Status> RepairMailboxesOf(AccountId account);
  Task<absl::Status> VerifyAliases(const std::function<void(VerifyFinding)>* report);
  Task<absl::Status> VerifyShards(const std::function<void(VerifyFinding)>* report);
  Task<absl::Status> EraseIfOrphan(AccountId account);

  engine::Engine* const engine_;
  MailboxTable* const mailboxes_;
  const TokenSealer* const sealer_;
  const Clock* const clock_;
  const StoreOptions options_;
  RecipientChanges recipient_changes_;
  const std::unique_ptr<AddressMap> addresses_;
  const std::unique_ptr<AliasMap> aliases_;
  const std::unique_ptr<AccountRecords> records_;
  const std::unique_ptr<Policies> policies_;
  const std::unique_ptr<DomainQuotas> quotas_;
  const std::unique_ptr<FilingSettings> filing_;
  const std::unique_ptr<AccountCache> cache_;
  const std::unique_ptr<Reservations> reservations_;
  AsyncMutex alias_turn_;  // of changes of aliases: two could make a loop together
  LastUidvalidities uidvalidities_;
  RefusedPasswords refused_passwords_;
  const std::unique_ptr<PasswordHasher> hasher_;
  const std::unique_ptr<PasswordCache> password_cache_;
  // Null: nobody logs in by a certificate. Set by Start.
  std::unique_ptr<ClientCertificates> client_certificates_;
  // What an unknown user's password is compared with.
  const std::string dummy_hash_;
  // Last: its threads run tasks that use all of the above.
  const std::unique_ptr<PasswordPool> passwords_;
};

}  // namespace restante::store
