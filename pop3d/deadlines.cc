#include "pop3d/deadlines.h"

#include <utility>

namespace restante::pop3 {

void Deadlines::Sweep() {
  const TimePoint now = Now();
  for (Deadline* at = first_; at != nullptr; at = next_in_sweep_) {
    next_in_sweep_ = at->next_;
    if (at->when_ > now) continue;
    at->when_ = TimePoint::max();
    at->on_expiry_();
  }
  next_in_sweep_ = nullptr;
}

Deadline::Deadline(Deadlines& deadlines, absl::AnyInvocable<void()> on_expiry)
    : deadlines_(deadlines), on_expiry_(std::move(on_expiry)), next_(deadlines.first_) {
  if (next_ != nullptr) next_->previous_ = this;
  deadlines_.first_ = this;
}

Deadline::~Deadline() {
  if (deadlines_.next_in_sweep_ == this) deadlines_.next_in_sweep_ = next_;
  (previous_ != nullptr ? previous_->next_ : deadlines_.first_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

}  // namespace restante::pop3
