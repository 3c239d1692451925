// Accounts' shards: each holds one account's record, and the names of its
// mailboxes. What is in a mailbox is MailboxTable's; which address leads here is
// AddressMap's.
//
// Every method may be called from any thread. Errors, besides those named: the
// engine's, CORRUPT, and OVERLOADED when a shard changes too fast.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/types.h"

namespace restante::store {

// The name of the mailbox that POP3 sees and mail is delivered to.
inline constexpr char kInbox[] = "INBOX";

// Writes what the change says into the record; but for policies, which have their own
// order of doing things.
void ApplyTo(const AccountChange& change, format::AccountRecord* record);

class AccountRecords {
 public:
  struct Loaded {
    std::shared_ptr<const AccountEntry> entry;
    std::string normalized_address;
  };
  struct NamedMailbox {
    std::string name;
    MailboxId id;
    uint32_t uidvalidity = 0;
    uint32_t special_use = 0;  // bits of mailbox_names.h
  };

  explicit AccountRecords(engine::Engine* engine) : engine_(engine) {}

  // NO_SUCH_ACCOUNT.
  Task<absl::StatusOr<Loaded>> Load(AccountId account);

  // Writes a new account's shard. ALREADY_EXISTS: there is one.
  Task<absl::Status> Create(AccountId account, format::AccountRecord record, MailboxId inbox,
                            uint32_t inbox_uidvalidity);

  // Changes the record, and its generation. `change` is called once or, if others
  // change the account at the same time, several times. NO_SUCH_ACCOUNT.
  Task<absl::Status> Change(AccountId account,
                            std::function<void(format::AccountRecord*)> change);

  // Gives the account another address, which leaves its generation as it is: what was
  // proved to be the account's still is. NO_SUCH_ACCOUNT.
  Task<absl::Status> SetAddress(AccountId account, std::string address,
                                std::string normalized_address);

  // One of them. Nothing: there is none of that name.
  Task<absl::StatusOr<std::optional<NamedMailbox>>> FindMailbox(AccountId account,
                                                                std::string name);
  // What the next mailbox gets at least.
  Task<absl::StatusOr<uint32_t>> NextUidvalidity(AccountId account);
  // Gives a mailbox its name. ALREADY_EXISTS: another has it by now, or was added
  // with this UIDVALIDITY.
  Task<absl::Status> AddMailbox(AccountId account, NamedMailbox mailbox);

  // A mailbox that is there gets another. Nothing is done for one of another id.
  Task<absl::Status> SetUidvalidity(AccountId account, NamedMailbox mailbox);

  // By name.
  Task<absl::StatusOr<std::vector<NamedMailbox>>> Mailboxes(AccountId account);

  // Changes names and special uses of the account's mailboxes, all in one commit. `edit`
  // gets all of them by name and changes them as it likes; an error of its ends it. It
  // is called again if others change the account at the same time. After STORE_FAILURE
  // the outcome is unknown.
  using Edit = std::function<absl::Status(std::map<std::string, NamedMailbox>& mailboxes)>;
  Task<absl::Status> EditMailboxes(AccountId account, Edit edit);

  // Names to which the user has subscribed, whether or not there are such mailboxes.
  Task<absl::StatusOr<std::vector<std::string>>> Subscriptions(AccountId account);
  Task<absl::StatusOr<bool>> IsSubscribed(AccountId account, std::string name);
  Task<absl::Status> SetSubscribed(AccountId account, std::string name, bool subscribed);

  // Removes the whole shard. One that isn't there is no error.
  Task<absl::Status> Erase(AccountId account);

  // Ids of account shards after `after`, whether or not an address leads to them.
  Task<absl::StatusOr<std::vector<AccountId>>> List(AccountId after, size_t limit);

 private:
  Task<absl::StatusOr<format::AccountRecord>> Read(AccountId account);

  engine::Engine* const engine_;
};

}  // namespace restante::store
