#include "pop3d/retrieved_marks.h"

namespace restante::pop3 {

void RetrievedMarks::Add(uint32_t number, uint32_t uid, uint64_t end) {
  unsent_.push_back({number, uid, end});
}

void RetrievedMarks::Settle(uint64_t sent_octets) {
  auto sent = unsent_.begin();
  for (; sent != unsent_.end() && sent->end <= sent_octets; ++sent) {
    if (!marks_.Contains(sent->number)) marks_.Add(sent->number, sent->uid, 0);
  }
  unsent_.erase(unsent_.begin(), sent);
}

void RetrievedMarks::AppendTo(google::protobuf::RepeatedPtrField<v1::UidRange>* ranges) const {
  for (auto run = marks_.RunFrom(1); run.has_value(); run = marks_.RunFrom(run->last + 1)) {
    v1::UidRange& range = *ranges->Add();
    range.set_first(run->uids->first);
    range.set_last(run->uids->last);
  }
}

}  // namespace restante::pop3
