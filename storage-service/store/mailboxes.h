// Mailboxes of an account and the rows in them, for IMAP services and operators.
// Mailbox "" is INBOX, which is compared without regard to case.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/store/types.h"

namespace restante::store {

struct ExpungedMessage {
  MessageRow row;  // as it was; its MODSEQ is that of the expunging
  absl::Time expunged;
};

struct ExpungedPage {
  std::vector<ExpungedMessage> messages;  // in the order of their expunging
  bool end = false;
};

struct UndeletedMessage {
  uint32_t old_uid = 0;
  uint32_t new_uid = 0;
  std::string uidl;
};

// Which rows a caller wants, in the order of their UIDs.
struct RowQuery {
  std::vector<UidRange> uids;  // in any order; empty: all
  uint32_t after_uid = 0;      // greater than this
  uint64_t after_modseq = 0;   // changed later than this
  uint32_t limit = 0;          // 0: the usual page
};

struct FlagChange {
  enum class Mode { kAdd, kRemove, kReplace };
  Mode mode = Mode::kAdd;
  std::vector<std::string> flags;  // as in MessageRow, in any case
  // Leave messages alone that have changed later than this (RFC 7162).
  std::optional<uint64_t> unchanged_since;
};

struct FlaggedMessage {
  uint32_t uid = 0;
  uint64_t modseq = 0;
  std::vector<std::string> flags;  // as they are now
};

struct FlagsAnswer {
  std::vector<FlaggedMessage> messages;  // that were to be changed, by UID
  std::vector<uint32_t> modified;        // left alone: changed since
  uint32_t next_uid = 0;                 // where to go on; 0: all is done
  uint64_t highest_modseq = 0;
};

struct ExpungeAnswer {
  std::vector<uint32_t> uids;  // ascending
  uint32_t next_uid = 0;       // where to go on; 0: all is done
  uint64_t highest_modseq = 0;
};

struct CopiedMessage {
  uint32_t uid = 0;
  uint32_t new_uid = 0;
};

struct CopyAnswer {
  uint32_t uidvalidity = 0;             // of the target
  std::vector<CopiedMessage> messages;  // by UID
  uint32_t next_uid = 0;                // where to go on; 0: all is done
  uint64_t highest_modseq = 0;          // of the mailbox that was changed last
};

struct AppendedMessage {
  uint32_t uid = 0;
  Guid guid;
  std::string uidl;
  bool earlier = false;  // under the same id; nothing was stored
  bool uidl_replaced = false;
};

// A message that is to be appended.
struct NewMessage {
  MessageProperties properties;
  bool utf8 = false;             // it may have UTF-8 in its header
  uint64_t declared_octets = 0;  // 0: unknown
  std::string id;                // makes a repetition harmless; empty: none
  uint32_t uid = 0;              // that it has to get; 0: the next
};

struct AppendAnswer {
  uint32_t uidvalidity = 0;
  std::vector<AppendedMessage> messages;  // in the order in which they came
  uint64_t highest_modseq = 0;
};

// Messages on their way into a mailbox, all or none of them. Destroyed before Finish it
// leaves nothing behind. Calls follow one another; each from any thread.
class Appending {
 public:
  virtual ~Appending() = default;

  // Another message begins. INVALID_REQUEST, TOO_LARGE, OVER_QUOTA: it can't be taken.
  virtual Task<absl::Status> Begin(NewMessage message) = 0;
  Task<absl::Status> Begin(MessageProperties properties, bool utf8, uint64_t declared_octets) {
    return Begin(NewMessage{std::move(properties), utf8, declared_octets, "", 0});
  }
  // Its next octets. Completes when the store is ready for more.
  virtual Task<absl::Status> Add(std::string data) = 0;
  // It is whole.
  virtual Task<absl::Status> End() = 0;
  // All are: they are in the mailbox, durably, when this completes with OK.
  virtual Task<absl::StatusOr<AppendAnswer>> Finish() = 0;
};

// What somebody wants to be told of.
struct WatchRequest {
  struct Known {
    std::string mailbox;
    uint64_t modseq = 0;  // the newest that is known; 0: none
  };
  std::vector<Known> mailboxes;
  bool all = false;  // also of those that aren't named, and of new ones
};

struct WatchEvent {
  MailboxStatus status;
  bool new_mail = false;
  bool expunged = false;
  bool gone = false;  // deleted; only id and name are set
};

struct WatchNews {
  std::vector<WatchEvent> events;
  bool mailboxes_changed = false;  // made, renamed, deleted, subscribed to
  bool caught_up = false;          // what was news at the beginning has been told
};

// Tells what changes, as long as it lives. See account_watch.h.
class MailboxWatch {
 public:
  virtual ~MailboxWatch() = default;
  // Completes when there is something to tell; one call at a time. CANCELLED after
  // Stop; NO_SUCH_ACCOUNT: it was deleted.
  virtual Task<absl::StatusOr<WatchNews>> Next() = 0;
  // From any thread.
  virtual void Stop() = 0;
};

// first_uid <= UID < end_uid.
struct RecentMessages {
  uint32_t first_uid = 0;
  uint32_t end_uid = 0;
};

class Mailboxes {
 public:
  virtual ~Mailboxes() = default;

  virtual Task<absl::StatusOr<std::vector<MailboxStatus>>> List(std::string address) = 0;
  virtual Task<absl::StatusOr<MailboxStatus>> Get(std::string address, std::string mailbox) = 0;
  virtual Task<absl::StatusOr<RowPage>> QueryMessages(std::string address, std::string mailbox,
                                                      RowQuery query) = 0;
  Task<absl::StatusOr<RowPage>> ListMessages(std::string address, std::string mailbox,
                                             uint32_t after_uid, uint32_t limit) {
    return QueryMessages(std::move(address), std::move(mailbox), {{}, after_uid, 0, limit});
  }
  // Everything after a place, expunged messages included; see change_log.h.
  virtual Task<absl::StatusOr<Changes>> ListChanges(std::string address, std::string mailbox,
                                                    ChangePlace after, uint32_t limit) = 0;

  // What can be brought back, behind a message that was listed: expunged with a MODSEQ
  // above after_modseq, or with it and a UID above after_uid, unless that is 0.
  virtual Task<absl::StatusOr<ExpungedPage>> ListExpunged(std::string address,
                                                          std::string mailbox,
                                                          uint64_t after_modseq,
                                                          uint32_t after_uid,
                                                          uint32_t limit) = 0;
  // Brings back, all or none, what had these UIDs; see undelete.h.
  virtual Task<absl::StatusOr<std::vector<UndeletedMessage>>> Undelete(
      std::string address, std::string mailbox, std::vector<uint32_t> uids) = 0;

  // See flags.h and expunge.h. At most `limit` messages at once, in one commit.
  virtual Task<absl::StatusOr<FlagsAnswer>> StoreFlags(std::string address, std::string mailbox,
                                                       std::vector<UidRange> uids,
                                                       FlagChange change, uint32_t limit) = 0;
  virtual Task<absl::StatusOr<ExpungeAnswer>> Expunge(std::string address, std::string mailbox,
                                                      std::vector<UidRange> uids,
                                                      bool only_deleted, uint32_t limit) = 0;
  // See copy.h. The target is a mailbox of the same account.
  virtual Task<absl::StatusOr<CopyAnswer>> Copy(std::string address, std::string mailbox,
                                                std::vector<UidRange> uids,
                                                std::string target) = 0;
  virtual Task<absl::StatusOr<CopyAnswer>> Move(std::string address, std::string mailbox,
                                                std::vector<UidRange> uids, std::string target,
                                                uint32_t limit) = 0;
  virtual Task<absl::StatusOr<std::unique_ptr<Appending>>> Append(std::string address,
                                                                  std::string mailbox) = 0;
  // UIDs of the messages that were appended or delivered under these ids; 0: there is
  // none, or it was too long ago.
  virtual Task<absl::StatusOr<std::vector<uint32_t>>> FindAppended(
      std::string address, std::string mailbox, std::vector<std::string> ids) = 0;
  // Takes over another server's UIDVALIDITY (0: doesn't), as long as the mailbox has
  // given out no UID, and raises the next UID.
  virtual Task<absl::StatusOr<MailboxStatus>> AdoptUids(std::string address,
                                                        std::string mailbox,
                                                        uint32_t uidvalidity,
                                                        uint32_t uid_next) = 0;

  // See directory.h. Renaming INBOX moves its messages into a new mailbox.
  virtual Task<absl::StatusOr<MailboxStatus>> Create(std::string address, std::string mailbox,
                                                     std::vector<std::string> special_use) = 0;
  virtual Task<absl::Status> Rename(std::string address, std::string mailbox,
                                    std::string new_name) = 0;
  virtual Task<absl::Status> Delete(std::string address, std::string mailbox) = 0;
  virtual Task<absl::Status> SetSpecialUse(std::string address, std::string mailbox,
                                           std::vector<std::string> special_use) = 0;
  virtual Task<absl::Status> SetSubscribed(std::string address, std::string mailbox,
                                           bool subscribed) = 0;
  // Names, by name, whether or not there are such mailboxes.
  virtual Task<absl::StatusOr<std::vector<std::string>>> Subscriptions(std::string address) = 0;

  virtual Task<absl::StatusOr<std::unique_ptr<MailboxWatch>>> Watch(std::string address,
                                                                    WatchRequest request) = 0;

  // Those that are recent to the caller, and to nobody who asks later.
  virtual Task<absl::StatusOr<RecentMessages>> ClaimRecent(std::string address,
                                                           std::string mailbox) = 0;
};

}  // namespace restante::store
