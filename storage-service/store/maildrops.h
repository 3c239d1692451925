// POP3's view: sessions that hold the exclusive lock of an INBOX, with a list
// that stays what it was at the beginning. See proto/restante/v1/maildrop.proto
// for the rules; this interface carries them out.
//
// Every method may be called from any thread. When a maildrop's head and first
// rows are cached, Login and Open complete on the calling thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/store/types.h"

namespace restante::store {

// What keeps a session alive: a front-end's stream, or, for the unary calls, the
// time since the last call (id 0).
using LeaseId = uint64_t;
inline constexpr LeaseId kUnaryLease = 0;

struct MaildropRow {
  uint32_t uid = 0;
  uint64_t octets = 0;
  std::string uidl;
  bool has_dot_line = false;
};

struct MaildropRowPage {
  std::vector<MaildropRow> rows;
  bool end = false;
};

struct OpenedMaildrop {
  std::string session_token;
  uint64_t fencing_token = 0;
  std::string address;
  uint32_t uidvalidity = 0;
  uint32_t uid_next = 1;
  uint64_t highest_modseq = 1;
  uint64_t message_count = 0;
  uint64_t octets = 0;
  absl::Duration lease;  // zero for sessions of a stream
  Pop3Announcement announcement;
  bool remembers_retrieval = false;
  std::vector<MaildropRow> rows;
};

class Maildrops {
 public:
  virtual ~Maildrops() = default;

  // Called on any thread, and never after EndLease has returned; must be quick and call
  // nothing of the store. Each may be null.
  using AnnouncementWatcher = std::function<void(const Pop3Announcement&)>;
  struct LeaseEvents {
    // What CAPA may say before anybody has logged in; at once, and when that changes.
    AnnouncementWatcher announce = nullptr;
    // Whether it is we who don't listen to the front-end now.
    std::function<bool()> held_up = nullptr;
    // The front-end was silent for too long: the lease is over, and its stream has to
    // be ended.
    std::function<void()> over = nullptr;
  };

  // A front-end's stream begins, and breaks: after EndLease its sessions live for
  // another 5 seconds, in which Resume may take them to another lease.
  virtual LeaseId BeginLease(LeaseEvents events) = 0;
  virtual void EndLease(LeaseId lease) = 0;

  // The front-end has shown life.
  virtual void Heard(LeaseId lease) = 0;
  // It will do so at least every `heartbeat`: from now on the lease and its sessions end
  // 5 seconds after the last sign of life (or three heartbeats, if that is longer),
  // whether or not the stream has broken.
  virtual void WatchForSilence(LeaseId lease, absl::Duration heartbeat) = 0;

  virtual Task<absl::StatusOr<OpenedMaildrop>> Login(LeaseId lease,
                                                     LoginCredentials credentials,
                                                     ClientInfo client, uint32_t first_rows,
                                                     SessionOptions options) = 0;
  virtual Task<absl::StatusOr<OpenedMaildrop>> Open(LeaseId lease, std::string auth_token,
                                                    ClientInfo client, uint32_t first_rows,
                                                    SessionOptions options) = 0;
  virtual Task<absl::Status> Resume(LeaseId lease, std::string session_token) = 0;
  virtual Task<absl::StatusOr<MaildropRowPage>> Rows(std::string session_token,
                                                     uint32_t after_uid, uint32_t limit) = 0;
  // Gives up the Login or Open whose options have it as `pending`: it gets no lock any
  // more and ends with CANCELLED, unless it has the maildrop already and its answer is
  // on its way.
  virtual void CancelLogin(PendingLogin& pending) = 0;
  // Logins that wait for a maildrop give up with IN_USE, and none waits any more:
  // the service is about to end.
  virtual void StopWaiting() = 0;
  // The number of messages deleted. `retrieved_uids` are for policies that keep mail
  // for some time after its retrieval; in any order.
  virtual Task<absl::StatusOr<uint64_t>> Commit(std::string session_token,
                                                std::vector<UidRange> delete_uids,
                                                std::vector<UidRange> retrieved_uids,
                                                bool close) = 0;
  // Frees the maildrop before it does anything else. What was retrieved counts, if
  // it succeeds, also when the session is over by now.
  virtual Task<absl::Status> Close(std::string session_token,
                                   std::vector<UidRange> retrieved_uids) = 0;
  // What was retrieved by now, whether or not the session is over.
  virtual Task<absl::Status> MarkRetrieved(std::string session_token,
                                           std::vector<UidRange> retrieved_uids) = 0;
  // The lease that the session has from now on.
  virtual absl::StatusOr<absl::Duration> Renew(const std::string& session_token) = 0;
};

}  // namespace restante::store
