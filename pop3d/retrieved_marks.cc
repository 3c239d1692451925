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
  for (const UidRun& run : marks_.UidRuns()) {
    v1::UidRange& range = *ranges->Add();
    range.set_first(run.first);
    range.set_last(run.last);
  }
}

}  // namespace restante::pop3
