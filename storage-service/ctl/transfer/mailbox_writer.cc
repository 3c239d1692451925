#include "storage-service/ctl/transfer/mailbox_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/transfer/import_flags.h"

namespace restante::ctl {
namespace {

constexpr size_t kMostIdOctets = 255;
// One commit, and one request: well below the 4 MiB that the service takes.
constexpr size_t kBatchMessages = 250;
constexpr size_t kBatchOctets = size_t{1} << 20;
constexpr size_t kMostQueued = 3;
constexpr size_t kUploadOctets = size_t{256} << 10;

// What is wrong with one message; any other error every further one would meet as well.
bool IsOfOneMessage(const absl::Status& status) {
  const v1::ErrorReason reason = ReasonOf(status);
  return reason == v1::ERROR_REASON_OVER_QUOTA || reason == v1::ERROR_REASON_TOO_LARGE ||
         reason == v1::ERROR_REASON_INVALID_REQUEST;
}

}  // namespace

std::string AppendIdOf(const WriterTarget& target, const SourceMessage& message) {
  std::string id = absl::StrCat(target.id_prefix, " ", message.id);
  // Its end is what tells messages of one mailbox apart.
  if (id.size() > kMostIdOctets) id = id.substr(id.size() - kMostIdOctets);
  return id;
}

MailboxWriter::MailboxWriter(const Session& session, WriterTarget target, ImportReport* report)
    : session_(session),
      target_(std::move(target)),
      report_(report),
      stub_(v1::MailboxesService::NewStub(session.channel())),
      sender_([this] { Send(); }) {}

MailboxWriter::~MailboxWriter() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
    if (failure_.ok()) failure_ = absl::CancelledError("");
  }
  sender_.join();
  if (upload_) {
    upload_->context->TryCancel();
    static_cast<void>(upload_->writer->Finish());
  }
}

void MailboxWriter::Unreadable(const SourceMessage& message, const absl::Status& why) {
  report_->Failed(message.name, why);
}

void MailboxWriter::Gone(const SourceMessage& message) { report_->Gone(message); }

absl::Status MailboxWriter::Begin(SourceMessage message) {
  if (target_.keep_uids && message.uid == 0 && !uid_next_adopted_) {
    absl::Status adopted = Queue();
    if (adopted.ok()) adopted = Drain();
    if (adopted.ok()) adopted = AdoptUidNext();
    if (!adopted.ok()) return adopted;
  }
  message_ = std::move(message);
  octets_.clear();
  return absl::OkStatus();
}

absl::Status MailboxWriter::Data(std::string octets) {
  if (upload_) {
    for (size_t at = 0; at < octets.size() && !upload_->broken; at += kUploadOctets) {
      v1::AppendMessagesRequest request;
      request.add_parts()->set_data(octets.substr(at, kUploadOctets));
      upload_->broken = !upload_->writer->Write(request);
    }
    upload_->octets += octets.size();
    return absl::OkStatus();
  }
  if (octets_.empty()) {
    octets_ = std::move(octets);
  } else {
    octets_ += octets;
  }
  return octets_.size() > kBatchOctets ? BeginUpload() : absl::OkStatus();
}

absl::Status MailboxWriter::End() {
  if (upload_) return EndUpload();
  const size_t octets = octets_.size();
  if (!batch_.empty() &&
      (batch_.size() == kBatchMessages || batch_octets_ + octets > kBatchOctets)) {
    absl::Status queued = Queue();
    if (!queued.ok()) return queued;
  }
  batch_octets_ += octets;
  batch_.push_back({*std::move(message_), std::move(octets_)});
  octets_.clear();
  message_.reset();
  return absl::OkStatus();
}

absl::Status MailboxWriter::Abandon(const absl::Status& why) {
  if (upload_) {
    upload_->context->TryCancel();
    static_cast<void>(upload_->writer->Finish());
    upload_.reset();
  }
  report_->Failed(message_->name, why);
  message_.reset();
  octets_.clear();
  return absl::OkStatus();
}

absl::Status MailboxWriter::Finish() {
  absl::Status status = Queue();
  if (status.ok()) status = Drain();
  if (status.ok() && target_.keep_uids) status = AdoptUidNext();
  return status;
}

v1::AppendedProperties MailboxWriter::PropertiesOf(const SourceMessage& message) const {
  v1::AppendedProperties properties;
  std::vector<std::string> dropped;
  for (std::string& flag : KeptFlags(message.flags, &dropped)) {
    properties.add_flags(std::move(flag));
  }
  for (const std::string& flag : dropped) report_->FlagDropped(flag);
  if (message.received) {
    const int64_t seconds = absl::ToUnixSeconds(*message.received);
    properties.mutable_internal_date()->set_seconds(seconds);
    properties.mutable_internal_date()->set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(*message.received - absl::FromUnixSeconds(seconds))));
  }
  if (IsUtf8(message.uidl)) {
    properties.set_uidl(message.uidl);
  } else {
    properties.set_uidl("not UTF-8");  // illegal as well, and told as such
  }
  properties.set_append_id(AppendIdOf(target_, message));
  if (target_.keep_uids) properties.set_uid(message.uid);
  return properties;
}

absl::Status MailboxWriter::Queue() {
  absl::MutexLock lock(&mutex_);
  if (!batch_.empty() && failure_.ok()) {
    const auto has_room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return queue_.size() < kMostQueued || !failure_.ok();
    };
    mutex_.Await(absl::Condition(&has_room));
    queue_.push_back(std::move(batch_));
  }
  batch_.clear();
  batch_octets_ = 0;
  return failure_;
}

absl::Status MailboxWriter::Drain() {
  absl::MutexLock lock(&mutex_);
  const auto is_empty = [this]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return queue_.empty(); };
  mutex_.Await(absl::Condition(&is_empty));
  return failure_;
}

void MailboxWriter::Send() {
  while (true) {
    Batch batch;
    {
      absl::MutexLock lock(&mutex_);
      const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !queue_.empty() || ending_;
      };
      mutex_.Await(absl::Condition(&has_work));
      if (!failure_.ok()) queue_.clear();
      if (queue_.empty()) {
        if (ending_) return;
        continue;
      }
      batch = std::move(queue_.front());
    }
    absl::Status sent = AppendAll(batch);
    absl::MutexLock lock(&mutex_);
    queue_.pop_front();
    if (failure_.ok()) failure_ = std::move(sent);
  }
}

absl::Status MailboxWriter::AppendAll(const Batch& batch) {
  // Together first; if one of them can't be taken, each by itself.
  for (size_t at = 0, count = batch.size(); at < batch.size();) {
    const absl::StatusOr<v1::AppendMessagesResponse> appended = Append(&batch[at], count);
    if (appended.ok() && static_cast<size_t>(appended->messages_size()) != count) {
      return RefusedError("the service's answer doesn't fit the messages");
    }
    if (appended.ok()) {
      for (size_t i = 0; i < count; ++i) {
        report_->Appended(batch[at + i].message, batch[at + i].octets.size(),
                          appended->messages(static_cast<int>(i)));
      }
      at += count;
    } else if (!IsOfOneMessage(appended.status())) {
      return appended.status();
    } else if (count > 1) {
      count = 1;
    } else {
      report_->Failed(batch[at].message.name, appended.status());
      ++at;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::AppendMessagesResponse> MailboxWriter::Append(const Buffered* first,
                                                                 size_t count) {
  v1::AppendMessagesRequest request;
  request.set_address(target_.address);
  request.set_mailbox(target_.mailbox);
  for (size_t i = 0; i < count; ++i) {
    v1::AppendPart* part = request.add_parts();
    *part->mutable_message() = PropertiesOf(first[i].message);
    part->set_data(first[i].octets);
    part->set_last(true);
  }
  request.set_commit(true);
  const auto context = session_.LongCall();
  v1::AppendMessagesResponse response;
  const auto writer = stub_->AppendMessages(context.get(), &response);
  // What became of a write is in the answer.
  static_cast<void>(writer->WriteLast(request, grpc::WriteOptions()));
  const absl::Status status = FromGrpcStatus(writer->Finish());
  if (!status.ok()) return status;
  return response;
}

absl::Status MailboxWriter::AdoptUidNext() {
  if (uid_next_adopted_ || target_.uid_next == 0) return absl::OkStatus();
  v1::AdoptUidsRequest request;
  request.set_address(target_.address);
  request.set_mailbox(target_.mailbox);
  request.set_uid_next(target_.uid_next);
  v1::AdoptUidsResponse response;
  const auto context = session_.ShortCall();
  const absl::Status status =
      FromGrpcStatus(stub_->AdoptUids(context.get(), request, &response));
  uid_next_adopted_ = status.ok();
  return status;
}

absl::Status MailboxWriter::BeginUpload() {
  // Messages stay in their order.
  absl::Status before = Queue();
  if (before.ok()) before = Drain();
  if (!before.ok()) return before;
  upload_.emplace();
  upload_->context = session_.LongCall();
  upload_->writer = stub_->AppendMessages(upload_->context.get(), &upload_->response);
  v1::AppendMessagesRequest request;
  request.set_address(target_.address);
  request.set_mailbox(target_.mailbox);
  *request.add_parts()->mutable_message() = PropertiesOf(*message_);
  request.mutable_parts(0)->mutable_message()->set_declared_octets(
      std::max<uint64_t>(octets_.size(), 1));
  upload_->broken = !upload_->writer->Write(request);
  std::string octets = std::exchange(octets_, {});
  return Data(std::move(octets));
}

absl::Status MailboxWriter::EndUpload() {
  v1::AppendMessagesRequest request;
  request.add_parts()->set_last(true);
  request.set_commit(true);
  if (!upload_->broken) {
    static_cast<void>(upload_->writer->WriteLast(request, grpc::WriteOptions()));
  }
  const absl::Status status = FromGrpcStatus(upload_->writer->Finish());
  const v1::AppendMessagesResponse response = std::move(upload_->response);
  const uint64_t octets = upload_->octets;
  upload_.reset();
  const SourceMessage message = *std::exchange(message_, std::nullopt);
  if (IsOfOneMessage(status)) {
    report_->Failed(message.name, status);
    return absl::OkStatus();
  }
  if (!status.ok()) return status;
  if (response.messages_size() != 1) {
    return RefusedError("the service's answer doesn't fit the message");
  }
  report_->Appended(message, octets, response.messages(0));
  return absl::OkStatus();
}

}  // namespace restante::ctl
