// One thread's access to the storage service: the operations of MaildropService as
// coroutines, over the process's one stream, and the sessions that hold a maildrop.
//
// Operations are gathered until the end of the io_context's turn and leave
// together. Results come in by batches; a coroutine is resumed on the thread of
// its port, never on one of gRPC's. Everything but Deliver and Post… is of the port's
// thread.
//
// Errors carry a reason when the service gave one. UNAVAILABLE without a reason:
// the link is down or broke; DEADLINE_EXCEEDED: no answer in time. After both, a
// Commit was carried out as a whole or not at all.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "pop3d/deadlines.h"
#include "pop3d/exchange_stream.h"
#include "pop3d/read_slots.h"
#include "pop3d/wakeup.h"
#include "restante/v1/messages.grpc.pb.h"

namespace restante::pop3 {

struct LinkOptions {
  // How long a login waits for a link that is down.
  TimeSpan link_wait = std::chrono::seconds(3);
  // How long an operation may take, waiting for the link and repetition included.
  TimeSpan operation_timeout = std::chrono::seconds(10);
  // How often the service is shown that this process lives.
  TimeSpan heartbeat = std::chrono::seconds(1);
};

class LinkPort;

// By which a login that is under way can be given up. Of the port's thread.
class LoginControl {
 public:
  // The login ends at once with CANCELLED. The service is told, so that it neither waits
  // for the maildrop any more nor takes it over.
  void Cancel();
  bool cancelled() const { return cancelled_; }

 private:
  friend class LinkPort;
  bool cancelled_ = false;
  absl::AnyInvocable<void()> give_up_;
};

// A maildrop that a session holds at the storage service: the lock is freed when
// this object goes, whatever way the session ends. Survives a break of the link if
// the service lets the session be resumed.
class HeldMaildrop {
 public:
  HeldMaildrop(LinkPort& port, std::string session_token);
  ~HeldMaildrop();
  HeldMaildrop(const HeldMaildrop&) = delete;
  HeldMaildrop& operator=(const HeldMaildrop&) = delete;

  const std::string& session_token() const { return session_token_; }

  // OK, or why the service no longer knows the session.
  const absl::Status& status() const { return status_; }

  // Calls `on_lost` when the service says that it doesn't know the session any more,
  // unless an operation of the session learns it.
  void OnLost(absl::AnyInvocable<void()> on_lost) { on_lost_ = std::move(on_lost); }

  using UidRanges = google::protobuf::RepeatedPtrField<v1::UidRange>;

  // Tells the service what was retrieved, without waiting for the answer: now, or as soon
  // as the link is there, at the latest with Commit or Close.
  void TellRetrieved(const UidRanges& uids);

  // Frees the lock without waiting for the answer, ahead of any later Login. With
  // `last_words`, the request without its token; if they tell of retrievals, they are
  // kept for a link that is down, also when the service has ended the session.
  void Close(v1::CloseRequest last_words = {});

 private:
  friend class LinkPort;
  // The service has ended the session.
  void Forget();
  void SendUntold();
  void TakeToldResult(bool taken);

  LinkPort& port_;
  const std::string session_token_;
  absl::Status status_;
  absl::AnyInvocable<void()> on_lost_;
  bool closed_ = false;
  // The stream on which the service knows the session.
  uint64_t held_on_ = 0;
  // The Resume under way; 0 if none is.
  uint64_t resume_id_ = 0;
  // Who waits for it to be resumed.
  Wakeup* waiting_ = nullptr;
  // What was retrieved and isn't known to have been taken; the first ones are under way
  // in the operation tell_id_, if that isn't 0.
  UidRanges untold_;
  int telling_ = 0;
  uint64_t tell_id_ = 0;
};

class LinkPort {
 public:
  // Operation ids have the port's index in their lowest octet; 0 is no port.
  static constexpr uint64_t kIdStep = 256;
  static uint64_t PortOf(uint64_t id) { return id % kIdStep; }

  // index: 1 to 255.
  LinkPort(uint32_t index, asio::io_context& context, Deadlines& deadlines,
           const LinkOptions& options, v1::MessagesService::Stub& messages);
  ~LinkPort();
  LinkPort(const LinkPort&) = delete;
  LinkPort& operator=(const LinkPort&) = delete;

  struct OpenedMaildrop {
    std::unique_ptr<HeldMaildrop> held;
    v1::LoginResponse response;
  };
  // Waits up to link_wait for a link that is down, and for the lock as long as the
  // request's options say, beyond the time that an operation may take. A login that was under
  // way when the link broke isn't repeated: it might meet its own lock. `control` lives
  // as long as the call; null: nobody gives it up.
  asio::awaitable<absl::StatusOr<OpenedMaildrop>> Login(v1::LoginRequest request,
                                                        LoginControl* control = nullptr);

  // Both are repeated after a break once the session is resumed.
  asio::awaitable<absl::StatusOr<v1::RowsResponse>> Rows(HeldMaildrop& maildrop,
                                                         uint32_t after_uid, uint32_t limit);
  // `request` without its token. After success with `close` the maildrop is closed.
  asio::awaitable<absl::StatusOr<v1::CommitResponse>> Commit(HeldMaildrop& maildrop,
                                                             v1::CommitRequest request);

  // Waits until the service knows the session on the present stream.
  asio::awaitable<absl::Status> WaitUntilHeld(HeldMaildrop& maildrop, TimePoint deadline);

  // What the service has announced for CAPA before login.
  const v1::Pop3Announcement& announcement() const { return announcement_; }

  // Counts the streams to the service.
  uint64_t stream_number() const { return stream_number_; }
  v1::MessagesService::Stub& messages() { return messages_; }
  ReadSlots& read_slots() { return read_slots_; }
  asio::io_context& context() { return context_; }
  Deadlines& deadlines() { return deadlines_; }
  const LinkOptions& options() const { return options_; }

  // Of StorageLink, from any thread.
  void Deliver(std::vector<v1::Result>* results) ABSL_LOCKS_EXCLUDED(inbox_mutex_);
  void PostUp(std::shared_ptr<ExchangeStream> stream);
  void PostDown(std::vector<uint64_t> unsent);
  void PostAnnouncement(const v1::Pop3Announcement& announcement);

 private:
  friend class HeldMaildrop;
  struct Call;
  struct LinkWaiter;

  asio::awaitable<void> Exchange(v1::Operation operation, Call& call, TimePoint deadline);
  asio::awaitable<absl::StatusOr<v1::Result>> Repeat(HeldMaildrop& maildrop,
                                                     const v1::Operation& operation,
                                                     TimePoint deadline);
  asio::awaitable<bool> WaitUntilUp(TimePoint deadline);
  uint64_t Send(v1::Operation operation);
  void SendClose(const std::string& session_token, v1::CloseRequest request = {});
  void KeepLastWords(v1::CloseRequest request);
  void SendCancelLogin(uint64_t id);
  void SendResume(HeldMaildrop& maildrop);
  void TakeInbox() ABSL_LOCKS_EXCLUDED(inbox_mutex_);
  void TakeResult(v1::Result& result);
  void TakeResumeResult(HeldMaildrop& maildrop, const v1::Result& result);
  void ComeUp(std::shared_ptr<ExchangeStream> stream);
  void GoDown(const std::vector<uint64_t>& unsent);

  const uint32_t index_;
  asio::io_context& context_;
  Deadlines& deadlines_;
  const LinkOptions options_;
  v1::MessagesService::Stub& messages_;
  ReadSlots read_slots_;

  std::shared_ptr<ExchangeStream> stream_;
  // Counts streams; 0 before the first.
  uint64_t stream_number_ = 0;
  uint64_t next_id_;
  bool flush_posted_ = false;
  // What waits for a result: operations, and sessions being resumed.
  absl::flat_hash_map<uint64_t, Call*> calls_;
  absl::flat_hash_map<uint64_t, HeldMaildrop*> resuming_;
  absl::flat_hash_map<uint64_t, HeldMaildrop*> telling_;
  // Closes that tell of retrievals: under way, and waiting for the link.
  absl::flat_hash_map<uint64_t, v1::CloseRequest> closing_;
  std::deque<v1::CloseRequest> last_words_;
  absl::flat_hash_set<HeldMaildrop*> held_;
  std::vector<LinkWaiter*> link_waiters_;
  v1::Pop3Announcement announcement_;

  absl::Mutex inbox_mutex_;
  std::vector<v1::Result> inbox_ ABSL_GUARDED_BY(inbox_mutex_);
  bool inbox_posted_ ABSL_GUARDED_BY(inbox_mutex_) = false;
};

}  // namespace restante::pop3
