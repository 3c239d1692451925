// The messages of a session by their numbers, which never change (RFC 1939,
// section 5), in memory that doesn't grow with the maildrop: one page of rows, and
// the UID of every k-th message, from which a page is fetched again when needed.
// At most 22 KiB, for a million messages as well. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "asio/awaitable.hpp"
#include "restante/v1/maildrop.pb.h"

namespace restante::pop3 {

// Where the rows come from.
class RowSource {
 public:
  virtual ~RowSource() = default;
  // The first `limit` rows of the session's list with a UID greater than `after_uid`.
  virtual asio::awaitable<absl::StatusOr<v1::RowsResponse>> Rows(uint32_t after_uid,
                                                                 uint32_t limit) = 0;
};

class MessageList {
 public:
  // The rows of a page that is fetched.
  static constexpr uint32_t kPageRows = 512;
  // And what is kept of their UIDLs: with long ones a page has fewer rows.
  static constexpr size_t kPageUidlOctets = 6 * 1024;

  struct Row {
    uint32_t number = 0;
    uint32_t uid = 0;
    uint64_t octets = 0;
    bool has_dot_line = false;
    // Valid until another page is fetched.
    absl::string_view uidl;
  };

  // `source` must outlive the list; `first_rows` are the session's first messages.
  MessageList(RowSource& source, const v1::MaildropSession& session,
              const google::protobuf::RepeatedPtrField<v1::MaildropRow>& first_rows);

  uint32_t count() const { return count_; }
  uint64_t octets() const { return octets_; }

  // number: 1 to count(). Errors are the source's; INTERNAL if the rows that come
  // don't agree with the session.
  asio::awaitable<absl::StatusOr<Row>> Get(uint32_t number);

  // The row, if it needn't be fetched.
  std::optional<Row> Cached(uint32_t number) const;

  size_t OctetsOfMemory() const;

 private:
  // A message whose UID is known; number 0 with UID 0 stands before the first, and
  // count + 1 with UIDNEXT behind the last.
  struct Anchor {
    uint32_t number = 0;
    uint32_t uid = 0;
  };
  struct Entry {
    uint64_t octets = 0;
    uint32_t uid = 0;
    uint32_t uidl_begin : 31 = 0;
    uint32_t has_dot_line : 1 = 0;
  };

  asio::awaitable<absl::Status> Load(uint32_t number);
  Anchor AnchorBefore(uint32_t number) const;
  Anchor AnchorBehind(uint32_t number) const;
  // Makes `rows`, whose first is message `first`, the page, or as many of them around
  // `number` as may be kept.
  void SetPage(uint32_t first, uint32_t number,
               const google::protobuf::RepeatedPtrField<v1::MaildropRow>& rows);
  void Remember(uint32_t number, uint32_t uid);

  RowSource& source_;
  const uint32_t count_;
  const uint64_t octets_;
  const uint32_t uid_next_;

  // How many rows a page is expected to keep.
  uint32_t page_rows_ = kPageRows;
  uint32_t first_ = 1;
  std::vector<Entry> page_;
  std::string uidls_;

  const uint32_t step_;
  // UIDs of the messages step_, 2 * step_, …; 0 where not known yet.
  std::vector<uint32_t> checkpoints_;
};

}  // namespace restante::pop3
