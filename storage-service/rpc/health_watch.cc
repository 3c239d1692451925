#include "storage-service/rpc/health_watch.h"

namespace restante::rpc {

void HealthWatch::Serve(ServiceContext& context, HealthService& health) {
  new HealthWatch(context, health);
}

HealthWatch::HealthWatch(ServiceContext& context, HealthService& health)
    : context_(context), health_(health), stream_(&call_) {
  call_.AsyncNotifyWhenDone(&done_tag_);
  health_.methods_.RequestWatch(&call_, &request_, &stream_, context_.queue, context_.queue,
                                &call_tag_);
}

void HealthWatch::OnCall(bool ok) {
  if (!ok) {
    delete this;  // the server shuts down
    return;
  }
  hold_ = context_.work.Begin();
  Serve(context_, health_);
  absl::MutexLock lock(&health_.mutex_);
  tags_out_ = 1;  // done_tag_
  health_.watches_.insert(this);
  Tell();
}

void HealthWatch::Tell() {
  if (writing_ || finishing_) return;
  const auto status = health_.StatusOf(request_.service());
  if (told_ != status) {
    told_ = status;
    writing_ = true;
    ++tags_out_;
    grpc::health::v1::HealthCheckResponse response;
    response.set_status(status);
    stream_.Write(response, &written_tag_);
  } else if (health_.ended_) {
    finishing_ = true;
    ++tags_out_;
    stream_.Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the service shuts down"),
                   &finished_tag_);
  }
}

void HealthWatch::OnWritten(bool ok) {
  {
    absl::MutexLock lock(&health_.mutex_);
    writing_ = false;
    // When a write fails the call is over, and done_tag_ is on its way.
    if (ok && health_.watches_.contains(this)) Tell();
  }
  TagReturned();
}

void HealthWatch::OnFinished(bool /*ok*/) { TagReturned(); }

void HealthWatch::OnDone(bool /*ok*/) {
  {
    absl::MutexLock lock(&health_.mutex_);
    health_.watches_.erase(this);
  }
  TagReturned();
}

void HealthWatch::TagReturned() {
  bool last = false;
  {
    absl::MutexLock lock(&health_.mutex_);
    last = --tags_out_ == 0;
  }
  if (last) delete this;
}

}  // namespace restante::rpc
