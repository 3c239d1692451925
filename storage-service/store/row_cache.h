// The first rows of a mailbox in memory, as POP3 lists them, so that polling an
// unchanged maildrop reads nothing from the engine. Compact: a store keeps one
// for each of its recently used mailboxes.
//
// Not thread-safe; its mailbox's lock guards it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/maildrops.h"

namespace restante::store {

struct ListedRow {
  uint32_t uid = 0;
  bool has_dot_line = false;
  uint64_t octets = 0;
  uint64_t downgraded_octets = 0;  // 0: as `octets`
  Guid guid;
  std::string own_uidl;

  static ListedRow Of(uint32_t uid, const StoredRow& row);
  // As a session is shown it that takes UTF-8, or doesn't.
  MaildropRow AsMaildropRow(bool utf8) const;
};

class RowCache {
 public:
  static constexpr size_t kMostRows = 64;

  void Clear();

  // These are the live rows that POP3 sees below `end_uid`. Keeps the first kMostRows of them.
  void Fill(std::vector<ListedRow> rows, uint32_t end_uid);

  // A row was added at the end of the mailbox, after rows below `uid_before`.
  void Add(ListedRow row, uint32_t uid_before);

  // Ascending.
  void Remove(const std::vector<uint32_t>& uids);

  // The live rows with after_uid < uid < end_uid, at most `limit`; nothing if
  // they aren't all here.
  std::optional<MaildropRowPage> Page(uint32_t after_uid, uint32_t end_uid, size_t limit,
                                      bool utf8) const;

 private:
  std::vector<ListedRow> rows_;  // by UID
  uint32_t end_uid_ = 0;         // all live rows below it are in rows_
};

}  // namespace restante::store
