// The domain: accounts, maildrops, messages and their invariants (docs/store.md),
// over any engine. One Store owns its engine's data; there is one per process.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/accounts.h"
#include "storage-service/store/aliases.h"
#include "storage-service/store/deliveries.h"
#include "storage-service/store/mailboxes.h"
#include "storage-service/store/maildrops.h"
#include "storage-service/store/messages.h"
#include "storage-service/store/pop3_policy.h"
#include "storage-service/store/quota.h"

namespace restante::store {

// Time as the store sees it; a test sets its own.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

struct StoreOptions {
  const Clock* clock = nullptr;  // null: the system's; must outlive the store

  uint64_t max_message_octets = uint64_t{256} << 20;

  // How long a session outlives its broken stream, and a unary session its last
  // call.
  absl::Duration lease_grace = absl::Seconds(5);
  absl::Duration unary_lease = absl::Seconds(30);

  // How long after an opening of the store the sessions of the one before can be
  // resumed.
  absl::Duration resume_window = absl::Seconds(60);

  absl::Duration auth_token_lifetime = absl::Seconds(60);

  // Threads that verify passwords (0: one for each core), verifications that may wait
  // for them, and recent successes kept, for at most this long.
  int password_threads = 0;
  size_t password_queue = 4096;
  size_t password_cache_entries = 100'000;
  absl::Duration password_cache_lifetime = absl::Hours(1);

  // PEM: the authorities whose certificates clients may log in by (SASL EXTERNAL).
  // Empty: none. Read again when it changes.
  std::string client_ca_file;

  // Accounts and mailbox heads kept in memory.
  size_t cached_accounts = 100'000;
  size_t cached_mailboxes = 100'000;

  // How long a mailbox remembers delivery ids, and its expunged messages.
  absl::Duration delivery_id_window = absl::Hours(24 * 7);
  absl::Duration expunged_grace = absl::Hours(24 * 7);

  // How long, and of how many, a mailbox tells that they have vanished.
  absl::Duration change_log_age = absl::Hours(24 * 30);
  uint64_t change_log_entries = 50'000;

  // What POP3 does with mail where neither account nor domain says otherwise, and
  // how often a mailbox is looked through for messages that a policy expires.
  Pop3Policy pop3_policy = DefaultPop3Policy();
  absl::Duration expiry_interval = absl::Hours(1);

  // What an account may have where neither it nor its domain says otherwise, and by how
  // much a delivery may bring it over that.
  Quota quota;
  QuotaGrace quota_grace;

  // Acknowledged commits may be missing, as after a restore: opening the store gives all
  // mailboxes new UIDVALIDITYs before anything else, since UIDs that were given out may
  // be given out again. UIDLs stay.
  bool renew_uidvalidities = false;

  // How often the reclaimer looks for what can go.
  absl::Duration reclaim_interval = absl::Seconds(10);
};

struct VerifyOptions {
  // Read every octet of every message.
  bool read_bodies = false;

  // Make good what is found; what isn't made good is found again. Nothing that can be
  // read is lost.
  bool repair = false;
  // With `repair`: messages whose octets can't be read any more vanish from their
  // mailboxes. Otherwise they stay, and every reading of them fails.
  bool expunge_unreadable = false;
};

struct VerifyFinding {
  bool is_error = true;  // otherwise: an orphan, harmless, collected in time
  std::string where;
  std::string message;
  bool repaired = false;  // it was so, and isn't any more
};

struct VerifySummary {
  uint64_t accounts = 0;
  uint64_t mailboxes = 0;
  uint64_t messages = 0;
  uint64_t octets = 0;
  uint64_t bodies = 0;
  // That remain.
  uint64_t errors = 0;
  uint64_t notes = 0;
  uint64_t repaired = 0;  // errors and notes
};

// What came back of a mailbox out of a backup.
struct RestoredMailbox {
  std::string name;
  uint32_t uidvalidity = 0;
  uint64_t restored = 0;
  uint64_t present = 0;         // there already
  uint64_t uidls_replaced = 0;  // of those restored, whose UIDL another message has by now
  // UIDs in the backup, of messages whose octets can't be read there.
  std::vector<uint32_t> unreadable;
};
struct RestoreSummary {
  engine::BackupInfo backup;
  bool account_made = false;
  std::vector<RestoredMailbox> mailboxes;
};

class Store {
 public:
  // Takes over what the engine holds: reads or makes the store's own records.
  static absl::StatusOr<std::unique_ptr<Store>> Open(std::unique_ptr<engine::Engine> engine,
                                                     StoreOptions options);
  virtual ~Store() = default;

  virtual Accounts& accounts() = 0;
  virtual Aliases& aliases() = 0;
  virtual Maildrops& maildrops() = 0;
  virtual Messages& messages() = 0;
  virtual Mailboxes& mailboxes() = 0;
  virtual Deliveries& deliveries() = 0;

  // Checks every invariant by a full scan, while the store is in use. Findings
  // are reported from one thread at a time.
  virtual Task<absl::StatusOr<VerifySummary>> Verify(
      VerifyOptions options, std::function<void(VerifyFinding)> report) = 0;

  // Frees what the reclaimer would free next; the number of bodies erased. The
  // store does so by itself every reclaim_interval.
  virtual Task<absl::StatusOr<uint64_t>> Reclaim() = 0;

  // A pass of the reclaimer, after which no octet of what it and others have erased before
  // is on the medium any more. Costs up to as much writing as the store has octets.
  virtual Task<absl::Status> Purge() = 0;

  // Expunges now what a policy expires, instead of in the background: the number of
  // messages.
  virtual Task<absl::StatusOr<uint64_t>> Expire() = 0;

  // Backups, where the engine was told to keep them; see engine/backups.h. INVALID_REQUEST:
  // it wasn't.
  virtual Task<absl::StatusOr<engine::BackupInfo>> CreateBackup() = 0;
  virtual Task<absl::StatusOr<std::vector<engine::BackupInfo>>> ListBackups() = 0;
  virtual Task<absl::StatusOr<uint64_t>> PruneBackups(uint32_t keep) = 0;
  // Brings back what one mailbox of an account, or all of them, had when a backup was
  // taken; see account_restore.h.
  virtual Task<absl::StatusOr<RestoreSummary>> RestoreAccount(engine::BackupChoice backup,
                                                              std::string address,
                                                              std::string mailbox) = 0;

  virtual std::map<std::string, double> Stats() const = 0;
};

}  // namespace restante::store
