#include "storage-service/rpc/deliver_stream.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/delivery_calls.h"

namespace restante::rpc {
namespace {

// What a part costs beside its data, so that a flood of empty ones is bounded too.
constexpr size_t kPartOverhead = 256;

// Numbers whose parts are being dropped; senders that stop at an early result never
// take theirs back.
constexpr size_t kMostDiscarding = 10'000;

size_t CostOf(const v1::DeliveryPart& part) { return part.data().size() + kPartOverhead; }

v1::DeliveryResult ErrorResult(uint64_t id, const absl::Status& status) {
  v1::DeliveryResult result;
  result.set_id(id);
  *result.mutable_error() = ToRpcStatus(status);
  return result;
}

bool EndsDelivery(const v1::DeliveryPart& part) { return part.last() || part.abort(); }

// What is wrong with a part by itself.
absl::Status Check(const v1::DeliveryPart& part) {
  if (part.data().size() > kMostPartOctets) {
    return InvalidRequest(absl::StrCat("data: ", part.data().size(),
                                       " octets in one part; at most ", kMostPartOctets));
  }
  if (part.has_check() && (part.has_envelope() || part.last() || !part.data().empty())) {
    return InvalidRequest("check: comes alone, without envelope, data or last");
  }
  return absl::OkStatus();
}

}  // namespace

void DeliverStream::Serve(ServiceContext& context, v1::DeliveryService::AsyncService& methods,
                          DeliveryLimits limits) {
  const std::shared_ptr<DeliverStream> stream(new DeliverStream(context, methods, limits));
  stream->AwaitCall([&](grpc::ServerContext* call, Stream* rpc, Completion* tag) {
    methods.RequestDeliverStream(call, rpc, context.queue, context.queue, tag);
  });
}

DeliverStream::DeliverStream(ServiceContext& context,
                             v1::DeliveryService::AsyncService& methods, DeliveryLimits limits)
    : BatchedStream(context, limits.stream),
      methods_(methods),
      limits_(limits),
      deliveries_(context.store.deliveries()) {}

void DeliverStream::OnCall() {
  Serve(context_, methods_, limits_);
  context_.counters.deliver_streams.fetch_add(1, std::memory_order_relaxed);
}

absl::Status DeliverStream::Admit() {
  absl::Status admitted = context_.delivery_load.BeginStream();
  admitted_ = admitted.ok();
  return admitted;
}

bool DeliverStream::HasRoom() const {
  // Each part that waits asks again when it is done with.
  const size_t waiting = waiting_octets_.load(std::memory_order_relaxed);
  return waiting < limits_.most_waiting_octets &&
         (waiting == 0 || !context_.delivery_load.full());
}

void DeliverStream::ReleaseOctets(size_t octets) {
  context_.delivery_load.Remove(octets);
  const size_t before = waiting_octets_.fetch_sub(octets, std::memory_order_relaxed);
  if (before >= limits_.most_waiting_octets) RoomChanged();
}

void DeliverStream::OnItem(v1::DeliverStreamRequest& message, int index) {
  v1::DeliveryPart part = std::move(*message.mutable_parts(index));
  const uint64_t id = part.id();
  const bool ends = EndsDelivery(part) || part.has_check();
  std::shared_ptr<Entry> to_run;
  bool queued = false;
  absl::Status status;
  {
    absl::MutexLock lock(&entries_mutex_);
    const size_t cost = CostOf(part);
    if (discarding_.contains(id) && !part.has_envelope() && !part.has_check()) {
      if (ends) discarding_.erase(id);
    } else {
      discarding_.erase(id);
      status = Sort(std::move(part), &to_run, &queued);
      if (queued) {
        waiting_octets_.fetch_add(cost, std::memory_order_relaxed);
        context_.delivery_load.Add(cost);
      }
      if (!status.ok() && !ends) Discard(id);
    }
  }
  if (!status.ok()) {
    context_.NoteResult("DeliverStream", "", status);
    v1::DeliveryResult result = ErrorResult(id, status);
    Finished(1, &result);
  } else if (!queued) {
    Finished(1, nullptr);
  }
  if (to_run != nullptr) Spawn(Run(Self(), std::move(to_run)));
}

absl::Status DeliverStream::Sort(v1::DeliveryPart part, std::shared_ptr<Entry>* to_run,
                                 bool* queued) {
  const uint64_t id = part.id();
  const auto found = entries_.find(id);
  std::shared_ptr<Entry> entry = found == entries_.end() ? nullptr : found->second;
  if (part.abort()) {
    if (entry != nullptr) Drop(entry);
    return absl::OkStatus();
  }

  absl::Status status = Check(part);
  if (status.ok() && entry == nullptr && !part.has_envelope() && !part.has_check()) {
    status =
        InvalidRequest(absl::StrCat("envelope: missing in the first part of delivery ", id));
  } else if (status.ok() && entry == nullptr && entries_.size() >= limits_.most_deliveries) {
    status = OverloadedError(absl::StrCat(entries_.size(), " deliveries are under way"),
                             absl::Seconds(1));
  } else if (status.ok() && entry != nullptr && entry->complete) {
    // The one that is complete gets its own result all the same.
    return InvalidRequest(absl::StrCat("delivery ", id, " is complete and has no result yet"));
  } else if (status.ok() && entry != nullptr && (part.has_envelope() || part.has_check())) {
    status = InvalidRequest(absl::StrCat("delivery ", id, " has begun already"));
  } else if (status.ok() && entry != nullptr) {
    status = context_.delivery_load.CheckContinue();
  }
  DeliveryLoad::Slot slot;
  if (status.ok() && entry == nullptr && part.has_envelope()) {
    absl::StatusOr<DeliveryLoad::Slot> begun = context_.delivery_load.Begin();
    status = begun.status();
    if (begun.ok()) slot = *std::move(begun);
  }
  if (!status.ok()) {
    if (entry != nullptr && !entry->complete) Drop(entry);
    return status;
  }

  if (entry == nullptr) {
    entry = std::make_shared<Entry>();
    entry->id = id;
    entry->recipients = part.envelope().recipients_size();
    entry->request_id = part.envelope().client().request_id();
    entry->slot = std::move(slot);
    entries_.emplace(id, entry);
  }
  entry->complete = part.last() || part.has_check();
  entry->parts.push_back(std::move(part));
  *queued = true;
  if (!entry->running) {
    entry->running = true;
    *to_run = std::move(entry);
  }
  return absl::OkStatus();
}

void DeliverStream::Drop(const std::shared_ptr<Entry>& entry) {
  entry->dropped = true;
  entries_.erase(entry->id);
}

void DeliverStream::Discard(uint64_t id) {
  if (discarding_.size() >= kMostDiscarding) discarding_.erase(discarding_.begin());
  discarding_.insert(id);
}

Task<void> DeliverStream::Run(std::shared_ptr<DeliverStream> self,
                              std::shared_ptr<Entry> entry) {
  v1::DeliveryPart part;
  while (self->TakePart(*entry, &part)) {
    const size_t cost = CostOf(part);
    v1::DeliveryResult result;
    const bool over = co_await self->Step(entry.get(), &part, &result);
    const bool wanted = over && self->Conclude(entry);
    self->ReleaseOctets(cost);
    self->Finished(1, wanted ? &result : nullptr);
  }
}

Task<bool> DeliverStream::Step(Entry* entry, v1::DeliveryPart* part,
                               v1::DeliveryResult* result) {
  result->set_id(entry->id);
  if (part->has_check()) {
    absl::Status status =
        co_await CheckRecipients(&deliveries_, &part->check(), result->mutable_checked());
    if (!status.ok()) *result = ErrorResult(entry->id, status);
    co_return true;
  }
  const bool last = part->last();
  absl::Status status;
  if (part->has_envelope()) {
    store::Envelope envelope = FromProto(std::move(*part->mutable_envelope()));
    auto delivery = co_await deliveries_.Begin(std::move(envelope));
    status = delivery.status();
    if (delivery.ok()) entry->delivery = *std::move(delivery);
  }
  if (status.ok() && !part->data().empty()) {
    std::string data = std::move(*part->mutable_data());
    entry->slot.Hold(data.size());
    status = co_await entry->delivery->Append(std::move(data));
  }
  if (!status.ok()) {
    context_.NoteResult("DeliverStream", entry->request_id, status);
    entry->delivery.reset();
    if (ConcernsWholeDelivery(status)) {
      *result = ErrorResult(entry->id, status);
    } else {
      FailAll(status, entry->recipients, result->mutable_delivered());
    }
    co_return true;
  }
  if (!last) co_return false;
  auto results = co_await entry->delivery->Finish();
  entry->delivery.reset();
  NoteResults(context_, "DeliverStream", entry->request_id, results);
  ToProto(results, result->mutable_delivered());
  co_return true;
}

bool DeliverStream::TakePart(Entry& entry, v1::DeliveryPart* part) {
  std::deque<v1::DeliveryPart> unwanted;
  bool taken = false;
  {
    absl::MutexLock lock(&entries_mutex_);
    if (entry.dropped) {
      unwanted.swap(entry.parts);
    } else if (!entry.parts.empty()) {
      *part = std::move(entry.parts.front());
      entry.parts.pop_front();
      taken = true;
    }
    if (!taken) entry.running = false;
  }
  if (!unwanted.empty()) {
    for (const v1::DeliveryPart& dropped : unwanted) ReleaseOctets(CostOf(dropped));
    Finished(static_cast<int64_t>(unwanted.size()), nullptr);
  }
  return taken;
}

bool DeliverStream::Conclude(const std::shared_ptr<Entry>& entry) {
  absl::MutexLock lock(&entries_mutex_);
  if (entry->dropped) return false;
  Drop(entry);
  if (!entry->complete) Discard(entry->id);
  return true;
}

void DeliverStream::OnOver(std::deque<Batch> /*undelivered*/) {
  absl::flat_hash_map<uint64_t, std::shared_ptr<Entry>> entries;
  {
    absl::MutexLock lock(&entries_mutex_);
    entries.swap(entries_);
    for (const auto& [id, entry] : entries) entry->dropped = true;
  }
  if (admitted_) context_.delivery_load.EndStream();
  context_.counters.deliver_streams.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace restante::rpc
