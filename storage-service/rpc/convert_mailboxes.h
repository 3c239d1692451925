// As convert.h, for what MailboxesService gives IMAP and JMAP services.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/field_mask.pb.h"
#include "restante/v1/mailboxes.pb.h"
#include "storage-service/store/mailboxes.h"

namespace restante::rpc {

// Numbers of MessageRow's fields that are wanted; empty: all.
using RowFields = std::vector<int>;

// INVALID_REQUEST names a field that MessageRow hasn't.
absl::StatusOr<RowFields> RowFieldsOf(const google::protobuf::FieldMask& mask);
// Leaves the UID and what is wanted.
void ClearOthers(const RowFields& wanted, v1::MessageRow* row);

void AddRuns(const std::vector<uint32_t>& uids,
             google::protobuf::RepeatedPtrField<v1::UidRange>* out);

absl::StatusOr<store::FlagChange> ChangeOf(v1::StoreFlagsRequest* request);
void ToProto(store::Changes changes, const RowFields& fields, v1::ListChangesResponse* out);

void ToProto(store::FlagsAnswer answer, v1::StoreFlagsResponse* out);
void ToProto(const store::CopyAnswer& answer, v1::CopyMessagesResponse* out);
void ToProto(const store::CopyAnswer& answer, v1::MoveMessagesResponse* out);
void ToProto(store::AppendAnswer answer, v1::AppendMessagesResponse* out);
store::NewMessage FromProto(v1::AppendedProperties properties);
store::WatchRequest FromProto(const v1::WatchMailboxesRequest& request);
void ToProto(const store::WatchNews& news, v1::WatchMailboxesResponse* out);
void ToProto(const store::ExpungeAnswer& answer, v1::ExpungeMessagesResponse* out);

}  // namespace restante::rpc
