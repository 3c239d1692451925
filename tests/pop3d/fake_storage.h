// A storage service for tests of the front-end: accounts in memory behind the real
// contract over real gRPC, and every fault that a front-end has to live with, on
// request. It enforces what the contract says of sessions, so that a front-end
// which breaks the rules is found out. Thread-safe.
#pragma once

#include <grpcpp/server.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "restante/v1/maildrop.grpc.pb.h"
#include "restante/v1/messages.grpc.pb.h"

namespace restante::pop3 {

struct FakeMessage {
  uint32_t uid = 0;
  std::string octets;
  std::string uidl;
};

class FakeStorage {
 public:
  FakeStorage();
  ~FakeStorage();

  // 127.0.0.1:PORT, the same for the whole test.
  const std::string& address() const { return address_; }

  // Messages get the UIDs 1, 2, … and the UIDLs "uidl-1", "uidl-2", …
  void AddAccount(const std::string& user, const std::string& password,
                  const std::vector<std::string>& messages);
  // A maildrop of many small messages that exist only by rule: every UID from 1 is
  // there but for the multiples of `gap` (0: all of them).
  void AddGiantAccount(const std::string& user, const std::string& password, uint32_t count,
                       uint32_t gap);

  // The service as a whole. Stop keeps the sessions, as they outlive a restart.
  void Stop();
  void Start();
  // Ends the front-end's stream; it may come back at once.
  void BreakStream();
  // Sessions are forgotten: their leases have run out.
  void ForgetSessions();

  // What CAPA is to say before login (with the next answer), and of every session.
  void Announce(const v1::Pop3Announcement& announcement);
  void AnnounceToSessions(const v1::Pop3Announcement& announcement);

  // What goes wrong next.
  void AnswerLoginsWith(absl::Status status);  // OK: as usual
  void AnswerCommitsWith(absl::Status status);
  // The next commit is carried out, and its answer lost with the stream.
  void LoseAnswerOfNextCommit();
  // Operations are taken and not answered, logins and commits carried out.
  void StopAnswering(bool stop);
  // Sessions say whether they want to be told of retrievals; the release before doesn't.
  void AnnounceRetrieval(bool wanted);
  // Retrievals told in the middle of sessions are taken, or refused.
  void AnswerRetrievalsWith(absl::Status status);
  // As the release before: CancelLogin is no operation that it knows.
  void KnowNoCancelLogin();
  // Operations wait (in their order) until let go on.
  void HoldOperations(bool hold);
  void AnswerReadsOf(uint32_t uid, absl::Status status);
  // The part fails after so many octets.
  void BreakReadsOf(uint32_t uid, size_t after_octets);
  // The whole call ends with this status after so many frames.
  void EndReadsAfter(int frames, absl::Status status);
  // Octets of data in one frame; and pieces are cut at this size.
  void SetFrameOctets(size_t octets);
  // Sizes in rows are off by this much.
  void LieAboutOctets(int64_t difference);
  // Rows say that no line begins with a dot, whatever there is.
  void SayNoDotLines(bool say);

  // What happened. Wait* return false after 20 s.
  bool IsLocked(const std::string& user);
  bool WaitUntilUnlocked(const std::string& user);
  std::vector<uint32_t> Uids(const std::string& user);
  bool WaitForLogins(int count);
  bool WaitForCommits(int count);
  bool WaitForRetrievals(int count);
  // All that was told, also by Close and Commit, in its order.
  std::vector<v1::UidRange> retrievals();
  int marks();
  bool WaitForCancelledLogins(int count);
  int cancelled_logins();
  bool WaitForStreams(int count);
  int logins();
  int closes();
  int rows_calls();
  // Those with operations.
  int exchange_messages();
  bool WaitForHeartbeats(int count);
  int heartbeats();
  // What the present stream has announced.
  absl::Duration heartbeat_interval();
  std::vector<v1::ReadRequest> reads();
  v1::LoginRequest last_login();
  v1::CommitRequest last_commit();
  v1::CloseRequest last_close();
  // Frames that all Read calls have handed over to gRPC.
  int frames_sent();
  // Read calls that the client has ended before their last frame.
  int cut_reads();

 private:
  class MaildropFake;
  class MessagesFake;
  struct Account {
    std::string password;
    std::vector<FakeMessage> messages;
    uint32_t giant_count = 0;
    uint32_t giant_gap = 0;
    std::string session;
  };

  v1::Result Execute(const v1::Operation& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Login(const v1::LoginRequest& request, v1::LoginResponse* response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Rows(const v1::RowsRequest& request, v1::RowsResponse* response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Commit(const v1::CommitRequest& request, v1::CommitResponse* response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::MaildropRow RowOf(const FakeMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddRows(const Account& account, uint32_t after_uid, uint32_t limit,
               google::protobuf::RepeatedPtrField<v1::MaildropRow>* rows, bool* end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Account* AccountOf(const std::string& session_token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WaitFor(const std::function<bool()>& condition);

  std::string address_;
  std::unique_ptr<MaildropFake> maildrop_service_;
  std::unique_ptr<MessagesFake> messages_service_;
  std::unique_ptr<grpc::Server> server_;

  absl::Mutex mutex_;
  std::map<std::string, Account> accounts_ ABSL_GUARDED_BY(mutex_);
  // Sessions known on the present stream, and those known since the service was
  // started; one that exists and isn't in there has to be resumed first.
  std::set<std::string> attached_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> readable_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> committed_ ABSL_GUARDED_BY(mutex_);
  std::set<grpc::ServerContext*> streams_ ABSL_GUARDED_BY(mutex_);
  absl::Status login_answer_ ABSL_GUARDED_BY(mutex_);
  absl::Status commit_answer_ ABSL_GUARDED_BY(mutex_);
  bool lose_commit_answer_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_answering_ ABSL_GUARDED_BY(mutex_) = false;
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<uint32_t, absl::Status> read_answers_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, size_t> broken_reads_ ABSL_GUARDED_BY(mutex_);
  int end_reads_after_ ABSL_GUARDED_BY(mutex_) = -1;
  absl::Status end_reads_with_ ABSL_GUARDED_BY(mutex_);
  size_t frame_octets_ ABSL_GUARDED_BY(mutex_) = 64 * 1024;
  int64_t octets_lie_ ABSL_GUARDED_BY(mutex_) = 0;
  bool say_no_dot_lines_ ABSL_GUARDED_BY(mutex_) = false;
  int session_count_ ABSL_GUARDED_BY(mutex_) = 0;
  int logins_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<bool> remembers_retrieval_ ABSL_GUARDED_BY(mutex_);
  absl::Status retrieval_answer_ ABSL_GUARDED_BY(mutex_);
  int marks_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::UidRange> retrievals_ ABSL_GUARDED_BY(mutex_);
  int cancelled_logins_ ABSL_GUARDED_BY(mutex_) = 0;
  bool knows_cancel_login_ ABSL_GUARDED_BY(mutex_) = true;
  int commits_ ABSL_GUARDED_BY(mutex_) = 0;
  int closes_ ABSL_GUARDED_BY(mutex_) = 0;
  int rows_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int exchange_messages_ ABSL_GUARDED_BY(mutex_) = 0;
  int heartbeats_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration heartbeat_interval_ ABSL_GUARDED_BY(mutex_);
  int stream_count_ ABSL_GUARDED_BY(mutex_) = 0;
  int frames_sent_ ABSL_GUARDED_BY(mutex_) = 0;
  int cut_reads_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::ReadRequest> reads_ ABSL_GUARDED_BY(mutex_);
  v1::LoginRequest last_login_ ABSL_GUARDED_BY(mutex_);
  v1::CommitRequest last_commit_ ABSL_GUARDED_BY(mutex_);
  v1::CloseRequest last_close_ ABSL_GUARDED_BY(mutex_);
  v1::Pop3Announcement announcement_ ABSL_GUARDED_BY(mutex_);
  bool announce_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<v1::Pop3Announcement> session_announcement_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::pop3
