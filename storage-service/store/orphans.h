// Finds, once after each opening, what a crash has left that nothing leads to: accounts
// whose address was not filed any more, mailboxes that didn't get their name, bodies whose
// rows were not written; and erases it. Nobody has ever seen any of it. What could have
// held mail stays and is verify's to report: a mailbox that has given out a UID.
//
// A page of each kind at a time, so that the reclaimer, which asks for it, spreads the
// search of a large store over hours. One call at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/types.h"

namespace restante::store {

class Orphans {
 public:
  // Whether an account has a mailbox, under whatever name.
  using IsNamed =
      std::function<Task<absl::StatusOr<bool>>(AccountId account, MailboxId mailbox)>;
  // Erases those of a page of accounts behind `after`. The last one of the page; the zero
  // id: there is no more.
  using EraseAccounts = std::function<Task<absl::StatusOr<AccountId>>(AccountId after)>;

  Orphans(engine::Engine* engine, MailboxTable* mailboxes, IsNamed is_named,
          EraseAccounts erase_accounts)
      : engine_(engine),
        mailboxes_(mailboxes),
        is_named_(std::move(is_named)),
        erase_accounts_(std::move(erase_accounts)) {}

  // Looks into the next ones. The number of bodies erased.
  Task<absl::StatusOr<uint64_t>> LookOn();

 private:
  // How far one kind has been looked through.
  struct Place {
    Id128 after;
    bool end = false;
  };

  Task<absl::Status> LookAtMailboxes();
  Task<absl::Status> LookAt(MailboxId mailbox);
  Task<absl::StatusOr<uint64_t>> LookAtBodies();

  engine::Engine* const engine_;
  MailboxTable* const mailboxes_;
  const IsNamed is_named_;
  const EraseAccounts erase_accounts_;
  Place accounts_;
  Place in_mailboxes_;
  Place bodies_;
};

}  // namespace restante::store
