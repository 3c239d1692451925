#include "storage-service/rpc/convert_mailboxes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/rpc/convert.h"

namespace restante::rpc {

absl::StatusOr<RowFields> RowFieldsOf(const google::protobuf::FieldMask& mask) {
  RowFields wanted;
  for (const std::string& path : mask.paths()) {
    const auto* field = v1::MessageRow::descriptor()->FindFieldByName(path);
    if (field == nullptr) {
      return InvalidRequest(absl::StrCat("fields: a row has no field \"", path, "\""));
    }
    wanted.push_back(field->number());
  }
  return wanted;
}

void ClearOthers(const RowFields& wanted, v1::MessageRow* row) {
  if (wanted.empty()) return;
  const google::protobuf::Descriptor* descriptor = v1::MessageRow::descriptor();
  const google::protobuf::Reflection* reflection = row->GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = descriptor->field(i);
    if (field->number() == v1::MessageRow::kUidFieldNumber) continue;
    if (std::find(wanted.begin(), wanted.end(), field->number()) != wanted.end()) continue;
    reflection->ClearField(row, field);
  }
}

void AddRuns(const std::vector<uint32_t>& uids,
             google::protobuf::RepeatedPtrField<v1::UidRange>* out) {
  for (const uint32_t uid : uids) {
    if (out->empty() || out->rbegin()->last() + 1 != uid) {
      v1::UidRange* run = out->Add();
      run->set_first(uid);
      run->set_last(uid);
    } else {
      out->rbegin()->set_last(uid);
    }
  }
}

absl::StatusOr<store::FlagChange> ChangeOf(v1::StoreFlagsRequest* request) {
  store::FlagChange change;
  switch (request->mode()) {
    case v1::StoreFlagsRequest::MODE_ADD:
      change.mode = store::FlagChange::Mode::kAdd;
      break;
    case v1::StoreFlagsRequest::MODE_REMOVE:
      change.mode = store::FlagChange::Mode::kRemove;
      break;
    case v1::StoreFlagsRequest::MODE_REPLACE:
      change.mode = store::FlagChange::Mode::kReplace;
      break;
    default:
      return InvalidRequest(absl::StrCat("mode: ", static_cast<int>(request->mode()),
                                         " is none; MODE_ADD, MODE_REMOVE or MODE_REPLACE is"));
  }
  change.flags = FromProto(std::move(*request->mutable_flags()));
  if (request->has_unchanged_since()) change.unchanged_since = request->unchanged_since();
  return change;
}

void ToProto(store::Changes changes, const RowFields& fields, v1::ListChangesResponse* out) {
  for (store::MessageRow& row : changes.changed) {
    v1::MessageRow* added = out->add_changed();
    ToProto(std::move(row), added);
    ClearOthers(fields, added);
  }
  AddRuns(changes.vanished, out->mutable_vanished());
  out->set_highest_modseq(changes.highest_modseq);
  out->set_end(changes.end);
  out->mutable_next()->set_modseq(changes.next.modseq);
  out->mutable_next()->set_uid(changes.next.uid);
  out->set_uidvalidity(changes.uidvalidity);
}

void ToProto(store::FlagsAnswer answer, v1::StoreFlagsResponse* out) {
  for (store::FlaggedMessage& message : answer.messages) {
    v1::FlaggedMessage* added = out->add_messages();
    added->set_uid(message.uid);
    added->set_modseq(message.modseq);
    for (std::string& flag : message.flags) added->add_flags(std::move(flag));
  }
  AddRuns(answer.modified, out->mutable_modified());
  out->set_next_uid(answer.next_uid);
  out->set_highest_modseq(answer.highest_modseq);
}

void ToProto(const store::ExpungeAnswer& answer, v1::ExpungeMessagesResponse* out) {
  AddRuns(answer.uids, out->mutable_uids());
  out->set_next_uid(answer.next_uid);
  out->set_highest_modseq(answer.highest_modseq);
}

namespace {

void AddCopies(const store::CopyAnswer& answer,
               google::protobuf::RepeatedPtrField<v1::CopiedMessage>* out) {
  for (const store::CopiedMessage& message : answer.messages) {
    v1::CopiedMessage* added = out->Add();
    added->set_uid(message.uid);
    added->set_new_uid(message.new_uid);
  }
}

}  // namespace

void ToProto(const store::CopyAnswer& answer, v1::CopyMessagesResponse* out) {
  out->set_uidvalidity(answer.uidvalidity);
  AddCopies(answer, out->mutable_messages());
  out->set_highest_modseq(answer.highest_modseq);
}

void ToProto(const store::CopyAnswer& answer, v1::MoveMessagesResponse* out) {
  out->set_uidvalidity(answer.uidvalidity);
  AddCopies(answer, out->mutable_messages());
  out->set_next_uid(answer.next_uid);
  out->set_highest_modseq(answer.highest_modseq);
}

void ToProto(store::AppendAnswer answer, v1::AppendMessagesResponse* out) {
  out->set_uidvalidity(answer.uidvalidity);
  out->set_highest_modseq(answer.highest_modseq);
  for (store::AppendedMessage& message : answer.messages) {
    v1::AppendedMessage* added = out->add_messages();
    added->set_uid(message.uid);
    added->set_guid(message.guid.ToHex());
    added->set_uidl(std::move(message.uidl));
    added->set_earlier(message.earlier);
    added->set_uidl_replaced(message.uidl_replaced);
  }
}

store::NewMessage FromProto(v1::AppendedProperties properties) {
  store::NewMessage out;
  out.properties.flags = FromProto(std::move(*properties.mutable_flags()));
  if (properties.has_internal_date()) {
    out.properties.internal_date = absl::FromUnixSeconds(properties.internal_date().seconds()) +
                                   absl::Nanoseconds(properties.internal_date().nanos());
  }
  out.properties.uidl = std::move(*properties.mutable_uidl());
  out.utf8 = properties.utf8();
  out.declared_octets = properties.declared_octets();
  out.id = std::move(*properties.mutable_append_id());
  out.uid = properties.uid();
  return out;
}

store::WatchRequest FromProto(const v1::WatchMailboxesRequest& request) {
  store::WatchRequest out;
  out.all = request.all();
  for (const v1::KnownMailbox& known : request.mailboxes()) {
    out.mailboxes.push_back({known.mailbox(), known.highest_modseq()});
  }
  return out;
}

void ToProto(const store::WatchNews& news, v1::WatchMailboxesResponse* out) {
  for (const store::WatchEvent& event : news.events) {
    v1::MailboxEvent* added = out->add_events();
    if (event.gone) {
      added->mutable_status()->set_mailbox_id(event.status.id.ToHex());
      added->mutable_status()->set_name(event.status.name);
    } else {
      ToProto(event.status, added->mutable_status());
    }
    added->set_new_mail(event.new_mail);
    added->set_expunged(event.expunged);
    added->set_gone(event.gone);
  }
  out->set_mailboxes_changed(news.mailboxes_changed);
  out->set_caught_up(news.caught_up);
}

}  // namespace restante::rpc
