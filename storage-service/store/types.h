// The store's vocabulary: what its operations take and answer. Plain values,
// with no gRPC types and no knowledge of how they are stored.
//
// Sizes are octets as RETR sends them; times are absl::Time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/id128.h"
#include "storage-service/store/filing_rules.h"
#include "storage-service/store/pop3_policy.h"
#include "storage-service/store/quota.h"

namespace restante::store {

using AccountId = Id128;
using MailboxId = Id128;
using Guid = Id128;

struct MailboxStatus {
  MailboxId id;
  std::string name;
  uint32_t uidvalidity = 0;
  uint32_t uid_next = 1;
  uint64_t highest_modseq = 1;
  uint64_t message_count = 0;
  uint64_t octets = 0;
  uint64_t unseen_count = 0;             // without \Seen
  uint64_t deleted_count = 0;            // with \Deleted
  uint64_t recent_count = 0;             // that no session has claimed as recent
  std::vector<std::string> special_use;  // with a backslash (RFC 6154)
  bool subscribed = false;
};

struct MessageRow {
  uint32_t uid = 0;
  uint64_t modseq = 0;
  Guid guid;
  std::string uidl;  // 1 to 70 characters of 0x21 to 0x7E
  uint64_t octets = 0;
  uint64_t header_octets = 0;  // with the blank line
  absl::Time internal_date;
  absl::Time save_date;
  std::vector<std::string> flags;  // system flags with a backslash, keywords
  bool has_dot_line = false;
  uint64_t downgraded_octets = 0;  // of its surrogate; 0: it has none
  bool hidden_from_pop3 = false;
  absl::Time hidden = absl::InfinitePast();  // InfinitePast: not, or that isn't known
};

struct RowPage {
  std::vector<MessageRow> rows;  // ascending by UID
  bool end = false;              // nothing follows
  uint64_t highest_modseq = 0;   // durable before the rows were read
};

// A place in a mailbox's change log: behind everything up to this MODSEQ, or, with a
// UID, behind that message's entry under it.
struct ChangePlace {
  uint64_t modseq = 0;
  uint32_t uid = 0;
};

// A page of what happened to a mailbox after some place.
struct Changes {
  std::vector<MessageRow> changed;  // new and changed messages, by UID
  std::vector<uint32_t> vanished;   // ascending
  uint32_t uidvalidity = 0;
  uint64_t highest_modseq = 1;  // the mailbox's when the page was read
  bool end = false;             // nothing follows
  ChangePlace next;             // where the next page, or question, begins
};

struct AccountInfo {
  AccountId id;
  std::string address;  // as created
  bool disabled = false;
  uint64_t quota_octets = 0;  // that counts for it; 0: no limit
  uint64_t used_octets = 0;
  uint64_t message_count = 0;
  Quota quota;            // its own
  Quota effective_quota;  // with all that it inherits
  bool pop3_disabled = false;
  bool imap_disabled = false;
  absl::Time created;
  Pop3Policy pop3_policy;                   // its own
  Pop3Policy effective_pop3_policy;         // with all that it inherits
  std::optional<FilingRules> filing_rules;  // its own
  FilingRules effective_filing_rules;
};

// A password in clear, or a finished crypt(5) string.
struct Password {
  std::string clear;
};
struct CryptHash {
  std::string hash;
};
using Credential = std::variant<Password, CryptHash>;

struct NewAccount {
  std::string address;
  Credential credential;
  uint64_t quota_octets = 0;  // 0: inherited
  uint64_t quota_messages = 0;
};

// For logs and limits only.
struct ClientInfo {
  std::string remote_address;
  std::string protocol;
  bool tls = false;
  std::string request_id;
};

// Who asks for a maildrop: an address and its password, or the certificates of a
// client that proved its identity by TLS.
struct LoginCredentials {
  std::string address;
  std::string password;
  // In DER, the client's own first; in place of a password (SASL EXTERNAL).
  std::vector<std::string> client_certificates;
};

// A login under way, by which whoever asked for it can give it up (Maildrops::CancelLogin).
// Thread-safe.
class PendingLogin {
 public:
  void Cancel() { cancelled_.store(true); }
  bool cancelled() const { return cancelled_.load(); }

 private:
  std::atomic<bool> cancelled_{false};
};

// How a session begins.
struct SessionOptions {
  // The client takes UTF-8 in headers. Otherwise the session is shown surrogates
  // of the messages that have it; see downgraded_octets.
  bool utf8 = false;
  // How long to wait for a maildrop that another session holds, and whether to
  // take it away then.
  absl::Duration lock_wait;
  bool take_over = false;
  // Null: it can't be given up.
  std::shared_ptr<PendingLogin> pending = nullptr;
};

struct UidRange {
  uint32_t first = 0;
  uint32_t last = 0;  // within
};

// A part of a message to read.
struct WholePart {};
struct TopPart {
  uint64_t body_lines = 0;
};
struct RangePart {
  uint64_t offset = 0;
  uint64_t length = 0;  // 0: to the end
};
struct ReadPart {
  uint32_t uid = 0;
  std::variant<WholePart, TopPart, RangePart> part;
};

// What an import keeps of a message's past.
struct MessageProperties {
  std::string uidl;  // empty: a new one
  std::optional<absl::Time> internal_date;
  std::vector<std::string> flags;  // as in MessageRow
};

struct Envelope {
  std::string sender;
  std::vector<std::string> recipients;
  bool smtputf8 = false;
  uint64_t declared_octets = 0;  // 0: unknown
  std::string delivery_id;       // empty: none
  ClientInfo client;
  MessageProperties properties;
};

// What is known of a recipient before a message comes.
struct RecipientCheck {
  absl::Status status;  // as at a delivery
  struct Account {
    std::string address;  // as created
    bool disabled = false;
  };
  std::vector<Account> accounts;  // that it leads to; also where one has no room
  std::string alias;              // on the way there; empty: none
};

struct RecipientResult {
  absl::Status status;
  MailboxId mailbox;
  uint32_t uidvalidity = 0;
  uint32_t uid = 0;
  Guid guid;
  std::string uidl;
  bool uidl_replaced = false;  // the one wanted was illegal or taken
  std::string mailbox_name;
};

}  // namespace restante::store
