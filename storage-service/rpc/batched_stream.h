// A bidirectional stream whose messages carry many small items each way: the part
// that Exchange and DeliverStream have in common. It knows batching, back-pressure
// and the life of a call; what an item means is the derived class's.
//
// Out: results that come while a message is being taken apart leave together, in
// one message, when it is; results that come later, on other threads, leave at
// once, or together when the write under way is over. One write at a time.
//
// In: one message at a time, item by item, only while there is room: while fewer
// than `most_under_way` items wait for their result and the results that wait for
// the client are under `most_unsent_octets`. Otherwise nothing is read, and the
// client's writes stop.
//
// Life: an object waits for one call, serves it, and goes when gRPC has given all
// its tags back and the last task that uses it is over. The client ends the call
// by ending its side: what is under way is finished and answered first. A call
// that breaks is over at once.
//
// Threads: tags are handled on the queue's thread; Finished() may be called on any.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/grpc_status.h"
#include "storage-service/rpc/completion_thread.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

struct StreamLimits {
  // Items that were taken and have no result yet.
  int64_t most_under_way = 10'000;
  // Results that wait for the client; then further items aren't taken.
  size_t most_unsent_octets = size_t{4} << 20;
  // Results are packed into messages of about this size.
  size_t message_octets = size_t{256} << 10;
};

// Request has repeated items, Response repeated results; Derived tells how they are
// reached:
//   static int Items(const Request&);
//   static void Append(Result result, Response*);
template <typename Derived, typename Request, typename Response, typename Result>
class BatchedStream
    : public DrainableStream,
      public std::enable_shared_from_this<BatchedStream<Derived, Request, Response, Result>> {
 public:
  using Stream = grpc::ServerAsyncReaderWriter<Response, Request>;

  // Waits for a call. `accept` registers it with the service: RequestExchange or
  // RequestDeliverStream.
  template <typename Accept>
  void AwaitCall(Accept accept) {
    self_ = this->shared_from_this();
    call_.AsyncNotifyWhenDone(&done_tag_);
    accept(&call_, &stream_, &accepted_tag_);
  }

  void Drain() override ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
    FinishIfOver();
  }

 protected:
  // A message that waits to be written.
  struct Batch {
    Response response;
    size_t octets = 0;
  };

  BatchedStream(ServiceContext& context, StreamLimits limits)
      : context_(context), limits_(limits), stream_(&call_) {}

  // A call has come; the first thing that happens. Begins waiting for the next one.
  virtual void OnCall() = 0;
  // Whether the call is served; an error is its answer. Asked once, after OnCall.
  virtual absl::Status Admit() { return absl::OkStatus(); }
  // A message has come, whose items are taken next. On the queue's thread.
  virtual void OnMessage(const Request& /*message*/) {}
  // Takes one item of a message. It counts as under way until Finished().
  virtual void OnItem(Request& message, int index) = 0;
  // The call is over, whichever way. `undelivered` are results that the client
  // never got.
  virtual void OnOver(std::deque<Batch> undelivered) = 0;

  // Items that were taken are done with, and this is the result to send, if there
  // is one. False: the call is over and nobody gets the result.
  bool Finished(int64_t items, Result* result) ABSL_LOCKS_EXCLUDED(mutex_) {
    bool sent = false;
    {
      absl::MutexLock lock(&mutex_);
      under_way_ -= items;
      if (result != nullptr && !over_) {
        Gather(std::move(*result));
        sent = true;
      }
      WriteIfReady();
      FinishIfOver();
    }
    TakeItems();
    return sent || result == nullptr;
  }

  // Whether there is room beyond the limits above; asked under the stream's mutex.
  virtual bool HasRoom() const { return true; }

  // Adds something of the server's own accord to the next message, which goes out as
  // soon as it can. What is added twice before that must leave one trace.
  void AddToNext(absl::FunctionRef<void(Response&)> add) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (over_ || finishing_) return;
    if (unsent_.empty()) unsent_.emplace_back();
    add(unsent_.back().response);
    WriteIfReady();
  }

  // Nothing more is read before something is done with that was taken.
  bool IsHeldUp() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return !over_ && under_way_ >= limits_.most_under_way;
  }

  // Ends the call from our side, whatever is under way; between OnCall and OnOver.
  void Cancel() { call_.TryCancel(); }

  // Asks again, after HasRoom() may have changed.
  void RoomChanged() ABSL_LOCKS_EXCLUDED(mutex_) { TakeItems(); }

 private:
  struct Tag final : Completion {
    Tag(BatchedStream* stream, void (BatchedStream::*handler)(bool))
        : stream(stream), handler(handler) {}
    void Complete(bool ok) override {
      // The handler may let go of the last reference.
      const std::shared_ptr<BatchedStream> alive = stream->self_;
      (stream->*handler)(ok);
    }
    BatchedStream* const stream;
    void (BatchedStream::*const handler)(bool);
  };

  void OnAccepted(bool ok) {
    if (!ok) {  // the server shuts down
      self_.reset();
      return;
    }
    hold_ = context_.work.Begin();
    OnCall();
    absl::Status admitted = Admit();
    {
      absl::MutexLock lock(&mutex_);
      refusal_ = std::move(admitted);
      tags_out_ = 2;  // done_tag_ and metadata_tag_
      // Tells the client that the stream is there before there is anything to say.
      stream_.SendInitialMetadata(&metadata_tag_);
      started_ = true;
      WriteIfReady();
    }
    // May end the call at once.
    context_.streams.Add(this);
    absl::MutexLock lock(&mutex_);
    ReadIfRoom();
    FinishIfOver();
  }

  void OnMetadataSent(bool /*ok*/) { TagReturned(); }

  void OnRead(bool ok) {
    if (ok) OnMessage(message_);
    {
      absl::MutexLock lock(&mutex_);
      reading_ = false;
      if (ok) {
        context_.counters.stream_messages_received.fetch_add(1, std::memory_order_relaxed);
        context_.counters.stream_operations.fetch_add(Derived::Items(message_),
                                                      std::memory_order_relaxed);
        has_message_ = true;
        next_item_ = 0;
      } else {
        read_all_ = true;
        FinishIfOver();
      }
    }
    TakeItems();
    TagReturned();
  }

  void OnWritten(bool ok) {
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      // When a write fails the call is broken, and done_tag_ is on its way.
      if (ok) {
        WriteIfReady();
        FinishIfOver();
      }
    }
    TakeItems();
    TagReturned();
  }

  void OnFinished(bool /*ok*/) { TagReturned(); }

  void OnDone(bool /*ok*/) {
    std::deque<Batch> undelivered;
    {
      absl::MutexLock lock(&mutex_);
      over_ = true;
      undelivered.swap(unsent_);
      unsent_octets_ = 0;
    }
    context_.streams.Remove(this);
    OnOver(std::move(undelivered));
    TagReturned();
  }

  void TagReturned() ABSL_LOCKS_EXCLUDED(mutex_) {
    bool last = false;
    {
      absl::MutexLock lock(&mutex_);
      last = --tags_out_ == 0;
    }
    if (last) self_.reset();
  }

  // Takes items of the message at hand as long as there is room, then reads the
  // next one. One thread at a time; another that finds it at work leaves it to it.
  void TakeItems() ABSL_LOCKS_EXCLUDED(mutex_) {
    mutex_.Lock();
    if (taking_) {
      mutex_.Unlock();
      return;
    }
    taking_ = true;
    while (has_message_ && !over_ && RoomLeft()) {
      if (next_item_ == Derived::Items(message_)) {
        has_message_ = false;
        break;
      }
      const int item = next_item_++;
      ++under_way_;
      mutex_.Unlock();
      OnItem(message_, item);
      mutex_.Lock();
    }
    taking_ = false;
    WriteIfReady();
    ReadIfRoom();
    FinishIfOver();
    mutex_.Unlock();
  }

  bool RoomLeft() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return under_way_ < limits_.most_under_way && unsent_octets_ < limits_.most_unsent_octets &&
           HasRoom();
  }

  void ReadIfRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (reading_ || has_message_ || read_all_ || draining_ || over_ || !RoomLeft()) return;
    if (!refusal_.ok()) return;
    reading_ = true;
    ++tags_out_;
    stream_.Read(&message_, &read_tag_);
  }

  void Gather(Result result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const size_t octets = result.ByteSizeLong();
    if (unsent_.empty() || unsent_.back().octets + octets > limits_.message_octets) {
      unsent_.emplace_back();
    }
    unsent_.back().octets += octets;
    unsent_octets_ += octets;
    Derived::Append(std::move(result), &unsent_.back().response);
  }

  void WriteIfReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!started_ || writing_ || taking_ || over_ || finishing_ || unsent_.empty()) return;
    writing_ = true;
    ++tags_out_;
    context_.counters.stream_messages_sent.fetch_add(1, std::memory_order_relaxed);
    // Write() has serialised the message when it returns.
    stream_.Write(unsent_.front().response, &written_tag_);
    unsent_octets_ -= unsent_.front().octets;
    unsent_.pop_front();
  }

  void FinishIfOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!(read_all_ || draining_ || !refusal_.ok()) || finishing_ || over_) return;
    if (taking_ || has_message_ || under_way_ > 0 || writing_ || !unsent_.empty()) return;
    finishing_ = true;
    ++tags_out_;
    absl::Status status = refusal_;
    if (draining_) status.Update(absl::UnavailableError("the service shuts down"));
    stream_.Finish(ToGrpcStatus(status), &finished_tag_);
  }

  // Released last: with the last reference, which a task may have.
  WorkTracker::Hold hold_;

 protected:
  ServiceContext& context_;

 private:
  const StreamLimits limits_;
  grpc::ServerContext call_;
  Stream stream_;
  Tag accepted_tag_{this, &BatchedStream::OnAccepted};
  Tag metadata_tag_{this, &BatchedStream::OnMetadataSent};
  Tag read_tag_{this, &BatchedStream::OnRead};
  Tag written_tag_{this, &BatchedStream::OnWritten};
  Tag finished_tag_{this, &BatchedStream::OnFinished};
  Tag done_tag_{this, &BatchedStream::OnDone};
  // Held while gRPC has a tag; changed on the queue's thread only.
  std::shared_ptr<BatchedStream> self_;

  mutable absl::Mutex mutex_;
  // Belongs to gRPC while reading_, then to whoever is taking_.
  Request message_;
  int tags_out_ ABSL_GUARDED_BY(mutex_) = 0;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_message_ ABSL_GUARDED_BY(mutex_) = false;
  int next_item_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool taking_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_all_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Batch> unsent_ ABSL_GUARDED_BY(mutex_);
  size_t unsent_octets_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restante::rpc
