#include "pop3d/message_list.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace restante::pop3 {
namespace {

constexpr uint32_t kMaxCheckpoints = 2048;

}  // namespace

MessageList::MessageList(RowSource& source, const v1::MaildropSession& session,
                         const google::protobuf::RepeatedPtrField<v1::MaildropRow>& first_rows)
    : source_(source),
      count_(static_cast<uint32_t>(session.message_count())),
      octets_(session.octets()),
      uid_next_(session.uid_next()),
      step_(std::max(kPageRows, count_ / kMaxCheckpoints + 1)) {
  SetPage(1, 1, first_rows);
}

asio::awaitable<absl::StatusOr<MessageList::Row>> MessageList::Get(uint32_t number) {
  if (!Cached(number).has_value()) {
    const absl::Status loaded = co_await Load(number);
    if (!loaded.ok()) co_return loaded;
  }
  co_return *Cached(number);
}

std::optional<MessageList::Row> MessageList::Cached(uint32_t number) const {
  if (number < first_ || number - first_ >= page_.size()) return std::nullopt;
  const size_t index = number - first_;
  const Entry& entry = page_[index];
  const size_t uidl_end =
      index + 1 < page_.size() ? page_[index + 1].uidl_begin : uidls_.size();
  return Row{number, entry.uid, entry.octets, entry.has_dot_line != 0,
             absl::string_view(uidls_).substr(entry.uidl_begin, uidl_end - entry.uidl_begin)};
}

asio::awaitable<absl::Status> MessageList::Load(uint32_t number) {
  Anchor anchor = AnchorBefore(number);
  const Anchor behind = AnchorBehind(number);
  // With as many UIDs as messages between two anchors there is no gap to search. A
  // page that begins at a multiple of its size also serves whoever goes backwards.
  const uint32_t page_start = (number - 1) / page_rows_ * page_rows_;
  if (page_start > anchor.number && behind.uid - anchor.uid == behind.number - anchor.number) {
    anchor = {page_start, anchor.uid + (page_start - anchor.number)};
  }
  while (true) {
    const absl::StatusOr<v1::RowsResponse> page =
        co_await source_.Rows(anchor.uid, std::min(page_rows_, count_ - anchor.number));
    if (!page.ok()) co_return page.status();
    const auto rows = static_cast<uint32_t>(page->rows_size());
    if (rows == 0 || rows > count_ - anchor.number) {
      co_return absl::InternalError(absl::StrCat("the list ends after message ",
                                                 anchor.number + rows, " instead of ", count_));
    }
    if (number - anchor.number <= rows) {
      SetPage(anchor.number + 1, number, page->rows());
      co_return absl::OkStatus();
    }
    for (uint32_t i = 0; i < rows; ++i) {
      Remember(anchor.number + 1 + i, page->rows(static_cast<int>(i)).uid());
    }
    anchor = {anchor.number + rows, page->rows(static_cast<int>(rows - 1)).uid()};
  }
}

MessageList::Anchor MessageList::AnchorBefore(uint32_t number) const {
  Anchor anchor;
  for (uint32_t i =
           std::min<uint32_t>((number - 1) / step_, static_cast<uint32_t>(checkpoints_.size()));
       i > 0; --i) {
    if (checkpoints_[i - 1] == 0) continue;
    anchor = {i * step_, checkpoints_[i - 1]};
    break;
  }
  if (page_.empty()) return anchor;
  const uint32_t page_end = first_ + static_cast<uint32_t>(page_.size()) - 1;
  if (page_end < number && page_end > anchor.number) anchor = {page_end, page_.back().uid};
  return anchor;
}

MessageList::Anchor MessageList::AnchorBehind(uint32_t number) const {
  Anchor anchor{count_ + 1, uid_next_};
  for (size_t i = (number - 1) / step_; i < checkpoints_.size(); ++i) {
    if (checkpoints_[i] == 0) continue;
    anchor = {static_cast<uint32_t>(i + 1) * step_, checkpoints_[i]};
    break;
  }
  if (!page_.empty() && first_ > number && first_ < anchor.number) {
    anchor = {first_, page_.front().uid};
  }
  return anchor;
}

void MessageList::SetPage(uint32_t first, uint32_t number,
                          const google::protobuf::RepeatedPtrField<v1::MaildropRow>& rows) {
  // Those from `begin` to before `end` have UIDLs that fit.
  int begin = 0;
  int end = 0;
  size_t octets = 0;
  for (; end < rows.size(); ++end) {
    const size_t added = rows[end].uidl().size();
    if (octets + added > kPageUidlOctets) {
      page_rows_ = std::clamp<uint32_t>(static_cast<uint32_t>(end - begin), 1, kPageRows);
      if (first + static_cast<uint32_t>(end) > number) break;
      begin = end;
      octets = 0;
    }
    octets += added;
  }
  first_ = first + static_cast<uint32_t>(begin);
  std::vector<Entry>().swap(page_);
  std::string().swap(uidls_);
  page_.reserve(static_cast<size_t>(end - begin));
  uidls_.reserve(octets);
  for (int i = 0; i < rows.size(); ++i) {
    const v1::MaildropRow& row = rows[i];
    Remember(first + static_cast<uint32_t>(i), row.uid());
    if (i < begin || i >= end) continue;
    Entry entry;
    entry.octets = row.octets();
    entry.uid = row.uid();
    entry.uidl_begin = static_cast<uint32_t>(uidls_.size());
    entry.has_dot_line = row.has_dot_line() ? 1 : 0;
    page_.push_back(entry);
    uidls_.append(row.uidl());
  }
}

void MessageList::Remember(uint32_t number, uint32_t uid) {
  if (number % step_ != 0) return;
  if (checkpoints_.empty()) checkpoints_.resize(count_ / step_);
  const uint32_t index = number / step_ - 1;
  if (index < checkpoints_.size()) checkpoints_[index] = uid;
}

size_t MessageList::OctetsOfMemory() const {
  return sizeof(*this) + page_.capacity() * sizeof(Entry) + uidls_.capacity() +
         checkpoints_.capacity() * sizeof(uint32_t);
}

}  // namespace restante::pop3
