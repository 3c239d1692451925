#include "storage-service/store/row_cache.h"

#include <algorithm>
#include <utility>

namespace restante::store {

ListedRow ListedRow::Of(uint32_t uid, const StoredRow& row) {
  return {uid, row.has_dot_line, row.octets, row.downgraded_octets, row.guid, row.own_uidl};
}

MaildropRow ListedRow::AsMaildropRow(bool utf8) const {
  const uint64_t shown = utf8 || downgraded_octets == 0 ? octets : downgraded_octets;
  return {uid, shown, own_uidl.empty() ? DerivedUidl(guid) : own_uidl, has_dot_line};
}

void RowCache::Clear() {
  rows_ = {};
  end_uid_ = 0;
}

void RowCache::Fill(std::vector<ListedRow> rows, uint32_t end_uid) {
  if (rows.size() > kMostRows) {
    end_uid = rows[kMostRows].uid;
    rows.resize(kMostRows);
  }
  rows.shrink_to_fit();
  rows_ = std::move(rows);
  end_uid_ = end_uid;
}

void RowCache::Add(ListedRow row, uint32_t uid_before) {
  if (end_uid_ != uid_before || rows_.size() == kMostRows) return;
  end_uid_ = row.uid + 1;
  rows_.push_back(std::move(row));
}

void RowCache::Remove(const std::vector<uint32_t>& uids) {
  std::erase_if(rows_, [&](const ListedRow& row) {
    return std::binary_search(uids.begin(), uids.end(), row.uid);
  });
}

std::optional<MaildropRowPage> RowCache::Page(uint32_t after_uid, uint32_t end_uid,
                                              size_t limit, bool utf8) const {
  MaildropRowPage page;
  auto row = std::upper_bound(rows_.begin(), rows_.end(), after_uid,
                              [](uint32_t uid, const ListedRow& r) { return uid < r.uid; });
  for (; row != rows_.end() && row->uid < end_uid && page.rows.size() < limit; ++row) {
    page.rows.push_back(row->AsMaildropRow(utf8));
  }
  const bool more_here = row != rows_.end() && row->uid < end_uid;
  if (!more_here && end_uid_ < end_uid) {
    // What follows isn't known: enough only if the page is full without it.
    if (page.rows.size() < limit || limit == 0) return std::nullopt;
  }
  page.end = !more_here && end_uid_ >= end_uid;
  return page;
}

}  // namespace restante::store
