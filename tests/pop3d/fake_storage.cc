#include "tests/pop3d/fake_storage.h"

#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/config.h"
#include "common/errors.h"
#include "common/grpc_status.h"

namespace restante::pop3 {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

bool HasDotLine(absl::string_view octets) {
  return absl::StartsWith(octets, ".") || absl::StrContains(octets, "\n.");
}

std::string TopOf(const std::string& octets, uint64_t lines) {
  const size_t blank = octets.find("\r\n\r\n");
  if (blank == octets.npos) return octets;
  size_t end = blank + 4;
  for (uint64_t i = 0; i < lines && end < octets.size(); ++i) {
    const size_t line_end = octets.find("\r\n", end);
    end = line_end == octets.npos ? octets.size() : line_end + 2;
  }
  return octets.substr(0, end);
}

}  // namespace

class FakeStorage::MaildropFake final : public v1::MaildropService::Service {
 public:
  explicit MaildropFake(FakeStorage& storage) : storage_(storage) {}

  grpc::Status Exchange(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ExchangeResponse, v1::ExchangeRequest>* stream) override {
    {
      absl::MutexLock lock(&storage_.mutex_);
      storage_.streams_.insert(context);
      storage_.attached_.clear();
      ++storage_.stream_count_;
    }
    v1::ExchangeRequest request;
    while (stream->Read(&request)) {
      v1::ExchangeResponse response;
      const bool answer = Carry(request, &response);
      const bool worth = response.results_size() != 0 || response.has_announcement();
      if (answer && worth) stream->Write(response);
      if (!answer) break;
    }
    absl::MutexLock lock(&storage_.mutex_);
    storage_.streams_.erase(context);
    return grpc::Status::OK;
  }

 private:
  // False: the stream is to break now.
  bool Carry(const v1::ExchangeRequest& request, v1::ExchangeResponse* response) {
    absl::MutexLock lock(&storage_.mutex_);
    if (request.has_heartbeat_interval()) {
      storage_.heartbeat_interval_ = FromProto(request.heartbeat_interval());
    }
    ++(request.operations().empty() ? storage_.heartbeats_ : storage_.exchange_messages_);
    const auto free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(storage_.mutex_) {
      return !storage_.hold_ || storage_.stopping_;
    };
    storage_.mutex_.Await(absl::Condition(&free));
    if (storage_.announce_) {
      *response->mutable_announcement() = storage_.announcement_;
      storage_.announce_ = false;
    }
    for (const v1::Operation& operation : request.operations()) {
      v1::Result result = storage_.Execute(operation);
      if (operation.has_commit() && storage_.lose_commit_answer_) {
        storage_.lose_commit_answer_ = false;
        return false;
      }
      if (!storage_.stop_answering_) *response->add_results() = std::move(result);
    }
    return true;
  }

  FakeStorage& storage_;
};

class FakeStorage::MessagesFake final : public v1::MessagesService::Service {
 public:
  explicit MessagesFake(FakeStorage& storage) : storage_(storage) {}

  grpc::Status Read(grpc::ServerContext*, const v1::ReadRequest* request,
                    grpc::ServerWriter<v1::ReadResponse>* writer) override {
    std::vector<v1::ReadPiece> pieces;
    size_t frame_octets = 0;
    int frames_left = -1;
    absl::Status end;
    {
      absl::MutexLock lock(&storage_.mutex_);
      storage_.reads_.push_back(*request);
      const Account* account = storage_.AccountOf(request->session_token());
      if (account == nullptr || !storage_.readable_.contains(request->session_token())) {
        return ToGrpcStatus(MakeError(v1::ERROR_REASON_LEASE_LOST, "no such session"));
      }
      frame_octets = storage_.frame_octets_;
      frames_left = storage_.end_reads_after_;
      end = storage_.end_reads_with_;
      for (int i = 0; i < request->parts_size(); ++i) {
        AddPieces(*account, request->parts(i), static_cast<uint32_t>(i), &pieces);
      }
    }
    v1::ReadResponse frame;
    size_t octets = 0;
    for (size_t i = 0; i < pieces.size(); ++i) {
      octets += pieces[i].data().size();
      *frame.add_pieces() = std::move(pieces[i]);
      const bool full = octets >= frame_octets || i + 1 == pieces.size();
      if (!full) continue;
      if (frames_left == 0) return ToGrpcStatus(end);
      --frames_left;
      const bool written = writer->Write(frame);
      absl::MutexLock lock(&storage_.mutex_);
      if (!written) {
        ++storage_.cut_reads_;
        return grpc::Status::CANCELLED;
      }
      frame.Clear();
      octets = 0;
      ++storage_.frames_sent_;
    }
    return grpc::Status::OK;
  }

 private:
  void AddPieces(const Account& account, const v1::ReadPart& part, uint32_t index,
                 std::vector<v1::ReadPiece>* pieces)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(storage_.mutex_) {
    const auto fail = [&](const absl::Status& status) {
      v1::ReadPiece& piece = pieces->emplace_back();
      piece.set_part(index);
      piece.set_last(true);
      *piece.mutable_error() = ToRpcStatus(status);
    };
    if (const auto answer = storage_.read_answers_.find(part.uid());
        answer != storage_.read_answers_.end()) {
      fail(answer->second);
      return;
    }
    std::string octets;
    if (account.giant_count != 0) {
      octets = absl::StrCat("Subject: ", part.uid(), "\r\n\r\n");
    } else {
      const auto found =
          std::find_if(account.messages.begin(), account.messages.end(),
                       [&](const FakeMessage& message) { return message.uid == part.uid(); });
      if (found == account.messages.end()) {
        fail(MakeError(v1::ERROR_REASON_NO_SUCH_MESSAGE, "no such message"));
        return;
      }
      octets = found->octets;
    }
    if (part.has_top()) octets = TopOf(octets, part.top().body_lines());
    if (part.has_range()) octets.erase(0, part.range().offset());
    const auto broken = storage_.broken_reads_.find(part.uid());
    const bool breaks = broken != storage_.broken_reads_.end();
    if (breaks) octets.resize(broken->second);
    size_t at = 0;
    do {
      v1::ReadPiece& piece = pieces->emplace_back();
      piece.set_part(index);
      piece.set_data(octets.substr(at, storage_.frame_octets_));
      at += piece.data().size();
      piece.set_last(!breaks && at == octets.size());
    } while (at < octets.size());
    if (breaks) fail(MakeError(v1::ERROR_REASON_STORE_FAILURE, "the disk is gone"));
  }

  FakeStorage& storage_;
};

FakeStorage::FakeStorage()
    : address_("127.0.0.1:0"),
      maildrop_service_(std::make_unique<MaildropFake>(*this)),
      messages_service_(std::make_unique<MessagesFake>(*this)) {
  Start();
}

FakeStorage::~FakeStorage() { Stop(); }

void FakeStorage::Start() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = false;
  }
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(maildrop_service_.get());
  builder.RegisterService(messages_service_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) std::abort();
  address_ = absl::StrCat("127.0.0.1:", port);
}

void FakeStorage::Stop() {
  if (server_ == nullptr) return;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    attached_.clear();
    readable_.clear();
  }
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

void FakeStorage::BreakStream() {
  absl::MutexLock lock(&mutex_);
  for (grpc::ServerContext* stream : streams_) stream->TryCancel();
}

void FakeStorage::ForgetSessions() {
  absl::MutexLock lock(&mutex_);
  attached_.clear();
  for (auto& [user, account] : accounts_) account.session.clear();
}

void FakeStorage::AddAccount(const std::string& user, const std::string& password,
                             const std::vector<std::string>& messages) {
  absl::MutexLock lock(&mutex_);
  Account& account = accounts_[user];
  account.password = password;
  uint32_t uid = 0;
  for (const std::string& octets : messages) {
    ++uid;
    account.messages.push_back({uid, octets, absl::StrCat("uidl-", uid)});
  }
}

void FakeStorage::AddGiantAccount(const std::string& user, const std::string& password,
                                  uint32_t count, uint32_t gap) {
  absl::MutexLock lock(&mutex_);
  Account& account = accounts_[user];
  account.password = password;
  account.giant_count = count;
  account.giant_gap = gap;
}

v1::Result FakeStorage::Execute(const v1::Operation& operation) {
  v1::Result result;
  absl::Status status;
  if (operation.has_login()) {
    last_login_ = operation.login();
    ++logins_;
    status = Login(operation.login(), result.mutable_login());
  } else if (operation.has_mark_retrieved()) {
    result.mutable_mark_retrieved();
    ++marks_;
    status = retrieval_answer_;
    if (status.ok()) {
      for (const auto& range : operation.mark_retrieved().retrieved_uids()) {
        retrievals_.push_back(range);
      }
    }
  } else if (operation.has_cancel_login() && knows_cancel_login_) {
    result.mutable_cancel_login();
    ++cancelled_logins_;
  } else if (operation.has_resume()) {
    const std::string& token = operation.resume().session_token();
    result.mutable_resume();
    if (AccountOf(token) != nullptr) {
      attached_.insert(token);
      readable_.insert(token);
    } else {
      status = MakeError(v1::ERROR_REASON_LEASE_LOST, "the session has ended");
    }
  } else if (operation.has_rows()) {
    ++rows_calls_;
    status = Rows(operation.rows(), result.mutable_rows());
  } else if (operation.has_commit()) {
    last_commit_ = operation.commit();
    for (const auto& range : operation.commit().retrieved_uids()) retrievals_.push_back(range);
    status = Commit(operation.commit(), result.mutable_commit());
    ++commits_;
  } else if (operation.has_close()) {
    result.mutable_close();
    if (operation.close().session_token().empty()) {
      status = MakeError(v1::ERROR_REASON_BAD_TOKEN, "no token");
    } else {
      ++closes_;
      last_close_ = operation.close();
      for (const auto& range : operation.close().retrieved_uids()) retrievals_.push_back(range);
      Account* account = AccountOf(operation.close().session_token());
      if (account != nullptr) account->session.clear();
    }
  } else {
    status = MakeError(v1::ERROR_REASON_INVALID_REQUEST, "no operation");
  }
  if (!status.ok()) *result.mutable_error() = ToRpcStatus(status);
  result.set_id(operation.id());
  return result;
}

absl::Status FakeStorage::Login(const v1::LoginRequest& request, v1::LoginResponse* response) {
  if (!login_answer_.ok()) return login_answer_;
  const auto found = accounts_.find(request.address());
  if (found == accounts_.end() || found->second.password != request.password()) {
    return MakeError(v1::ERROR_REASON_BAD_CREDENTIALS, "no");
  }
  Account& account = found->second;
  if (!account.session.empty() && !request.options().take_over()) {
    return MakeError(v1::ERROR_REASON_IN_USE, "in use");
  }
  account.session = absl::StrCat("session-", ++session_count_);
  attached_.insert(account.session);
  readable_.insert(account.session);
  v1::MaildropSession& session = *response->mutable_session();
  session.set_session_token(account.session);
  session.set_address(request.address());
  if (remembers_retrieval_.has_value()) {
    session.set_remembers_retrieval(*remembers_retrieval_);
  }
  if (session_announcement_.has_value()) {
    *session.mutable_announcement() = *session_announcement_;
  }
  if (account.giant_count != 0) {
    const uint32_t gaps =
        account.giant_gap == 0 ? 0 : (account.giant_count - 1) / (account.giant_gap - 1);
    session.set_uid_next(account.giant_count + gaps + 1);
    session.set_message_count(account.giant_count);
    session.set_octets(account.giant_count * uint64_t{100});
  } else {
    uint64_t octets = 0;
    for (const FakeMessage& message : account.messages) octets += RowOf(message).octets();
    session.set_uid_next(account.messages.empty() ? 1 : account.messages.back().uid + 1);
    session.set_message_count(account.messages.size());
    session.set_octets(octets);
  }
  bool end = false;
  AddRows(account, 0, request.first_rows(), response->mutable_rows(), &end);
  return absl::OkStatus();
}

v1::MaildropRow FakeStorage::RowOf(const FakeMessage& message) {
  v1::MaildropRow row;
  row.set_uid(message.uid);
  row.set_octets(message.octets.size() + static_cast<uint64_t>(octets_lie_));
  row.set_uidl(message.uidl);
  row.set_has_dot_line(!say_no_dot_lines_ && HasDotLine(message.octets));
  return row;
}

void FakeStorage::AddRows(const Account& account, uint32_t after_uid, uint32_t limit,
                          google::protobuf::RepeatedPtrField<v1::MaildropRow>* rows,
                          bool* end) {
  if (account.giant_count != 0) {
    const uint32_t gap = account.giant_gap;
    uint32_t number = gap == 0 ? after_uid : after_uid - after_uid / gap;
    for (uint32_t uid = after_uid + 1;
         number < account.giant_count && static_cast<uint32_t>(rows->size()) < limit; ++uid) {
      if (gap != 0 && uid % gap == 0) continue;
      ++number;
      v1::MaildropRow& row = *rows->Add();
      row.set_uid(uid);
      row.set_octets(100);
      row.set_uidl(absl::StrCat("u", uid));
    }
    *end = number >= account.giant_count;
    return;
  }
  *end = true;
  for (const FakeMessage& message : account.messages) {
    if (message.uid <= after_uid) continue;
    if (static_cast<uint32_t>(rows->size()) == limit) {
      *end = false;
      return;
    }
    *rows->Add() = RowOf(message);
  }
}

absl::Status FakeStorage::Rows(const v1::RowsRequest& request, v1::RowsResponse* response) {
  Account* account = AccountOf(request.session_token());
  if (account == nullptr || !attached_.contains(request.session_token())) {
    return MakeError(v1::ERROR_REASON_LEASE_LOST, "the session has ended");
  }
  bool end = false;
  AddRows(*account, request.after_uid(), request.limit() == 0 ? 1024 : request.limit(),
          response->mutable_rows(), &end);
  response->set_end(end);
  return absl::OkStatus();
}

absl::Status FakeStorage::Commit(const v1::CommitRequest& request,
                                 v1::CommitResponse* response) {
  if (!commit_answer_.ok()) return commit_answer_;
  // A repetition, as after a lost answer.
  if (committed_.contains(request.session_token())) return absl::OkStatus();
  Account* account = AccountOf(request.session_token());
  if (account == nullptr || !attached_.contains(request.session_token())) {
    return MakeError(v1::ERROR_REASON_LEASE_LOST, "the session has ended");
  }
  const size_t before = account->messages.size();
  std::erase_if(account->messages, [&](const FakeMessage& message) {
    return std::any_of(request.delete_uids().begin(), request.delete_uids().end(),
                       [&](const v1::UidRange& range) {
                         return message.uid >= range.first() && message.uid <= range.last();
                       });
  });
  response->set_deleted(before - account->messages.size());
  committed_.insert(request.session_token());
  // The lock goes with the answer: while that may be lost, Resume finds the session.
  if (request.close() && !lose_commit_answer_) account->session.clear();
  return absl::OkStatus();
}

FakeStorage::Account* FakeStorage::AccountOf(const std::string& session_token) {
  for (auto& [user, account] : accounts_) {
    if (!session_token.empty() && account.session == session_token) return &account;
  }
  return nullptr;
}

bool FakeStorage::WaitFor(const std::function<bool()>& condition) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(
      absl::Condition(
          +[](const std::function<bool()>* c) { return (*c)(); }, &condition),
      kPatience);
}

void FakeStorage::Announce(const v1::Pop3Announcement& announcement) {
  absl::MutexLock lock(&mutex_);
  announcement_ = announcement;
  announce_ = true;
}

void FakeStorage::AnnounceToSessions(const v1::Pop3Announcement& announcement) {
  absl::MutexLock lock(&mutex_);
  session_announcement_ = announcement;
}

void FakeStorage::AnswerLoginsWith(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  login_answer_ = std::move(status);
}

void FakeStorage::AnswerCommitsWith(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  commit_answer_ = std::move(status);
}

void FakeStorage::LoseAnswerOfNextCommit() {
  absl::MutexLock lock(&mutex_);
  lose_commit_answer_ = true;
}

void FakeStorage::StopAnswering(bool stop) {
  absl::MutexLock lock(&mutex_);
  stop_answering_ = stop;
}

void FakeStorage::HoldOperations(bool hold) {
  absl::MutexLock lock(&mutex_);
  hold_ = hold;
}

void FakeStorage::AnswerReadsOf(uint32_t uid, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  read_answers_[uid] = std::move(status);
}

void FakeStorage::BreakReadsOf(uint32_t uid, size_t after_octets) {
  absl::MutexLock lock(&mutex_);
  broken_reads_[uid] = after_octets;
}

void FakeStorage::EndReadsAfter(int frames, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  end_reads_after_ = frames;
  end_reads_with_ = std::move(status);
}

void FakeStorage::SetFrameOctets(size_t octets) {
  absl::MutexLock lock(&mutex_);
  frame_octets_ = octets;
}

void FakeStorage::LieAboutOctets(int64_t difference) {
  absl::MutexLock lock(&mutex_);
  octets_lie_ = difference;
}

void FakeStorage::SayNoDotLines(bool say) {
  absl::MutexLock lock(&mutex_);
  say_no_dot_lines_ = say;
}

bool FakeStorage::IsLocked(const std::string& user) {
  absl::MutexLock lock(&mutex_);
  return !accounts_[user].session.empty();
}

bool FakeStorage::WaitUntilUnlocked(const std::string& user) {
  return WaitFor([this, &user]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return accounts_[user].session.empty();
  });
}

std::vector<uint32_t> FakeStorage::Uids(const std::string& user) {
  absl::MutexLock lock(&mutex_);
  std::vector<uint32_t> uids;
  for (const FakeMessage& message : accounts_[user].messages) uids.push_back(message.uid);
  return uids;
}

bool FakeStorage::WaitForLogins(int count) {
  return WaitFor([this, count]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return logins_ >= count; });
}

bool FakeStorage::WaitForCommits(int count) {
  return WaitFor([this, count]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return commits_ >= count; });
}

bool FakeStorage::WaitForStreams(int count) {
  return WaitFor([this, count]()
                     ABSL_NO_THREAD_SAFETY_ANALYSIS { return stream_count_ >= count; });
}

int FakeStorage::logins() {
  absl::MutexLock lock(&mutex_);
  return logins_;
}

int FakeStorage::closes() {
  absl::MutexLock lock(&mutex_);
  return closes_;
}

int FakeStorage::rows_calls() {
  absl::MutexLock lock(&mutex_);
  return rows_calls_;
}

void FakeStorage::AnnounceRetrieval(bool wanted) {
  absl::MutexLock lock(&mutex_);
  remembers_retrieval_ = wanted;
}

void FakeStorage::AnswerRetrievalsWith(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  retrieval_answer_ = std::move(status);
}

bool FakeStorage::WaitForRetrievals(int count) {
  return WaitFor([this, count] {
    mutex_.AssertReaderHeld();
    return static_cast<int>(retrievals_.size()) >= count;
  });
}

std::vector<v1::UidRange> FakeStorage::retrievals() {
  absl::MutexLock lock(&mutex_);
  return retrievals_;
}

int FakeStorage::marks() {
  absl::MutexLock lock(&mutex_);
  return marks_;
}

bool FakeStorage::WaitForCancelledLogins(int count) {
  return WaitFor([this, count] {
    mutex_.AssertReaderHeld();
    return cancelled_logins_ >= count;
  });
}

int FakeStorage::cancelled_logins() {
  absl::MutexLock lock(&mutex_);
  return cancelled_logins_;
}

void FakeStorage::KnowNoCancelLogin() {
  absl::MutexLock lock(&mutex_);
  knows_cancel_login_ = false;
}

bool FakeStorage::WaitForHeartbeats(int count) {
  return WaitFor([this, count] {
    mutex_.AssertReaderHeld();
    return heartbeats_ >= count;
  });
}

int FakeStorage::heartbeats() {
  absl::MutexLock lock(&mutex_);
  return heartbeats_;
}

absl::Duration FakeStorage::heartbeat_interval() {
  absl::MutexLock lock(&mutex_);
  return heartbeat_interval_;
}

int FakeStorage::exchange_messages() {
  absl::MutexLock lock(&mutex_);
  return exchange_messages_;
}

std::vector<v1::ReadRequest> FakeStorage::reads() {
  absl::MutexLock lock(&mutex_);
  return reads_;
}

v1::LoginRequest FakeStorage::last_login() {
  absl::MutexLock lock(&mutex_);
  return last_login_;
}

v1::CommitRequest FakeStorage::last_commit() {
  absl::MutexLock lock(&mutex_);
  return last_commit_;
}

v1::CloseRequest FakeStorage::last_close() {
  absl::MutexLock lock(&mutex_);
  return last_close_;
}

int FakeStorage::frames_sent() {
  absl::MutexLock lock(&mutex_);
  return frames_sent_;
}

int FakeStorage::cut_reads() {
  absl::MutexLock lock(&mutex_);
  return cut_reads_;
}

}  // namespace restante::pop3
