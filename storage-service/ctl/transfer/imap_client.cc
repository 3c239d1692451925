#include "storage-service/ctl/transfer/imap_client.h"

#include <libetpan/namespace.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/transfer/imap_responses.h"

namespace restante::ctl {
namespace {

constexpr size_t kStreamBuffer = size_t{64} << 10;
constexpr uint32_t kListedAtOnce = 5'000;

// libetpan's stream over ours.
NetStream* StreamOf(mailstream_low* low) { return static_cast<NetStream*>(low->data); }

ssize_t ReadLow(mailstream_low* low, void* octets, size_t limit) {
  const absl::StatusOr<size_t> read = StreamOf(low)->Read(static_cast<char*>(octets), limit);
  return read.ok() ? static_cast<ssize_t>(*read) : -1;
}

ssize_t WriteLow(mailstream_low* low, const void* octets, size_t count) {
  const absl::Status written =
      StreamOf(low)->Write(absl::string_view(static_cast<const char*>(octets), count));
  return written.ok() ? static_cast<ssize_t>(count) : -1;
}

mailstream_low_driver* Driver() {
  static mailstream_low_driver driver = {
      ReadLow, WriteLow, [](mailstream_low*) { return 0; },
      [](mailstream_low* low) { return StreamOf(low)->fd(); },
      // The stream itself is its owner's.
      [](mailstream_low* low) { std::free(low); },  // NOLINT(*-no-malloc)
      [](mailstream_low*) {}, [](mailstream_low*) -> struct mailstream_cancel* {return nullptr;
}
, [](mailstream_low*) -> carray* { return nullptr; }, [](mailstream_low*) { return -1; },
    [](mailstream_low*) { return -1; }, [](mailstream_low*) { return -1; },
};  // namespace
return &driver;
}  // namespace restante::ctl

// Consumes the attributes.
mailimap_fetch_type* FetchType(std::initializer_list<mailimap_fetch_att*> attributes) {
  mailimap_fetch_type* type = mailimap_fetch_type_new_fetch_att_list_empty();
  for (mailimap_fetch_att* attribute : attributes) {
    mailimap_fetch_type_new_fetch_att_list_add(type, attribute);
  }
  return type;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImapClient>> ImapClient::LogIn(const MailServer& server) {
  absl::StatusOr<std::unique_ptr<NetStream>> stream = NetStream::Connect(server);
  if (!stream.ok()) return stream.status();
  std::unique_ptr<ImapClient> client(new ImapClient());
  client->stream_ = *std::move(stream);
  absl::Status begun = client->Begin();
  if (!begun.ok()) return begun;
  return client;
}

ImapClient::~ImapClient() {
  // Says LOGOUT, if there is somebody to say it to.
  if (session_ != nullptr) mailimap_free(session_);
}

absl::Status ImapClient::StatusOf(int code, absl::string_view command) const {
  const MailServer& server = stream_->server();
  switch (code) {
    case MAILIMAP_NO_ERROR:
    case MAILIMAP_NO_ERROR_AUTHENTICATED:
    case MAILIMAP_NO_ERROR_NON_AUTHENTICATED:
      return absl::OkStatus();
    case MAILIMAP_ERROR_STREAM:
      return ServerLost(
          absl::StrCat(server.Name(), ": the connection has ended, in ", command));
    case MAILIMAP_ERROR_PARSE:
      return ServerLost(
          absl::StrCat(server.Name(), ": the answer to ", command, " can't be understood"));
    default:
      break;
  }
  const char* text = session_->imap_response;
  return RefusedError(absl::StrCat(server.Name(), " refuses ", command, ": ",
                                   text == nullptr ? "no reason given" : text));
}

absl::Status ImapClient::Begin() {
  const MailServer& server = stream_->server();
  session_ = mailimap_new(0, nullptr);
  mailstream_low* low = mailstream_low_new(stream_.get(), Driver());
  mailstream* stream = mailstream_new(low, kStreamBuffer);
  absl::Status status = StatusOf(mailimap_connect(session_, stream), "the connection");
  if (status.ok() && server.tls == TlsMode::kStartTls) {
    status = StatusOf(mailimap_starttls(session_), "STARTTLS");
    if (status.ok() && stream->read_buffer_len > 0) {
      status = RefusedError(absl::StrCat(server.Name(), " has said more before TLS began"));
    }
    if (status.ok()) status = stream_->StartTls();
  }
  if (!status.ok()) return status;
  status =
      StatusOf(mailimap_login(session_, server.user.c_str(), server.password.c_str()), "LOGIN");
  if (!status.ok()) return status;
  // What a server can do may differ after login.
  mailimap_capability_data* capabilities = nullptr;
  status = StatusOf(mailimap_capability(session_, &capabilities), "CAPABILITY");
  if (capabilities != nullptr) mailimap_capability_data_free(capabilities);
  if (status.ok()) FindPrefix();
  return status;
}

void ImapClient::FindPrefix() {
  mailimap_namespace_data* data = nullptr;
  if (mailimap_has_namespace(session_) == 0 ||
      mailimap_namespace(session_, &data) != MAILIMAP_NO_ERROR || data == nullptr) {
    return;
  }
  const auto freeing = absl::MakeCleanup([data] { mailimap_namespace_data_free(data); });
  const auto prefixes = [](const mailimap_namespace_item* item) {
    std::vector<std::string> found;
    if (item == nullptr) return found;
    ForEach<mailimap_namespace_info>(
        item->ns_data_list,
        [&](const mailimap_namespace_info* info) { found.emplace_back(info->ns_prefix); });
    return found;
  };
  const std::vector<std::string> own = prefixes(data->ns_personal);
  if (!own.empty()) prefix_ = own.front();
  for (const mailimap_namespace_item* item : {data->ns_other, data->ns_shared}) {
    for (std::string& prefix : prefixes(item)) {
      if (!prefix.empty()) others_.push_back(std::move(prefix));
    }
  }
}

absl::StatusOr<std::vector<ImapMailbox>> ImapClient::ListBy(int (*list)(mailimap*, const char*,
                                                                        const char*, clist**)) {
  clist* result = nullptr;
  const std::string pattern = absl::StrCat(prefix_, "*");
  absl::Status status = StatusOf(list(session_, "", pattern.c_str(), &result), "LIST");
  if (!status.ok()) return status;
  std::vector<ImapMailbox> mailboxes;
  const auto add = [&](const mailimap_mailbox_list* listed) {
    ImapMailbox mailbox;
    mailbox.name = listed->mb_name;
    mailbox.attributes = AttributesOf(listed->mb_flag);
    absl::string_view name = mailbox.name;
    for (const std::string& prefix : others_) {
      if (absl::StartsWith(name, prefix)) return;
    }
    if (!absl::EqualsIgnoreCase(name, "INBOX")) absl::ConsumePrefix(&name, prefix_);
    if (name.empty()) return;
    if (listed->mb_delimiter == 0) {
      mailbox.levels = {std::string(name)};
    } else {
      mailbox.levels = absl::StrSplit(name, listed->mb_delimiter);
    }
    mailboxes.push_back(std::move(mailbox));
  };
  ForEach<mailimap_mailbox_list>(result, add);
  mailimap_list_result_free(result);
  // With a prefix the INBOX itself isn't below it.
  const bool has_inbox = std::any_of(
      mailboxes.begin(), mailboxes.end(),
      [](const ImapMailbox& mailbox) { return absl::EqualsIgnoreCase(mailbox.name, "INBOX"); });
  if (!has_inbox && !prefix_.empty()) {
    result = nullptr;
    status = StatusOf(list(session_, "", "INBOX", &result), "LIST");
    if (!status.ok()) return status;
    ForEach<mailimap_mailbox_list>(result, add);
    mailimap_list_result_free(result);
  }
  return mailboxes;
}

absl::StatusOr<std::vector<ImapMailbox>> ImapClient::List() { return ListBy(mailimap_list); }

absl::StatusOr<std::vector<ImapMailbox>> ImapClient::Subscriptions() {
  return ListBy(mailimap_lsub);
}

absl::StatusOr<ImapStatus> ImapClient::Status(const std::string& name) {
  mailimap_status_att_list* wanted = mailimap_status_att_list_new_empty();
  for (const int attribute : {MAILIMAP_STATUS_ATT_MESSAGES, MAILIMAP_STATUS_ATT_UIDNEXT,
                              MAILIMAP_STATUS_ATT_UIDVALIDITY}) {
    mailimap_status_att_list_add(wanted, attribute);
  }
  mailimap_mailbox_data_status* told = nullptr;
  const absl::Status status = StatusOf(mailimap_status(session_, name.c_str(), wanted, &told),
                                       absl::StrCat("STATUS ", name));
  mailimap_status_att_list_free(wanted);
  if (!status.ok()) return status;
  ImapStatus result;
  ForEach<mailimap_status_info>(told->st_info_list, [&](const mailimap_status_info* info) {
    if (info->st_att == MAILIMAP_STATUS_ATT_MESSAGES) result.messages = info->st_value;
    if (info->st_att == MAILIMAP_STATUS_ATT_UIDNEXT) result.uid_next = info->st_value;
    if (info->st_att == MAILIMAP_STATUS_ATT_UIDVALIDITY) result.uidvalidity = info->st_value;
  });
  mailimap_mailbox_data_status_free(told);
  return result;
}

absl::StatusOr<ImapStatus> ImapClient::Examine(const std::string& name) {
  const absl::Status status =
      StatusOf(mailimap_examine(session_, name.c_str()), absl::StrCat("EXAMINE ", name));
  if (!status.ok()) return status;
  const mailimap_selection_info& selected = *session_->imap_selection_info;
  return ImapStatus{selected.sel_exists, selected.sel_uidnext, selected.sel_uidvalidity};
}

absl::StatusOr<std::vector<ImapMessage>> ImapClient::Messages(uint32_t count) {
  std::map<uint32_t, ImapMessage> by_uid;
  for (uint32_t first = 1; first <= count; first += kListedAtOnce) {
    const uint32_t last = std::min(count, first + kListedAtOnce - 1);
    mailimap_set* set = mailimap_set_new_interval(first, last);
    mailimap_fetch_type* type = FetchType(
        {mailimap_fetch_att_new_uid(), mailimap_fetch_att_new_flags(),
         mailimap_fetch_att_new_internaldate(), mailimap_fetch_att_new_rfc822_size()});
    clist* result = nullptr;
    const absl::Status status = StatusOf(mailimap_fetch(session_, set, type, &result), "FETCH");
    mailimap_set_free(set);
    mailimap_fetch_type_free(type);
    if (!status.ok()) return status;
    ForEach<mailimap_msg_att>(result, [&](const mailimap_msg_att* response) {
      FetchedMessage fetched = ReadFetch(response);
      const uint32_t uid = fetched.message.uid;
      // A response without a UID tells of a change of flags.
      if (uid != 0) by_uid[uid] = std::move(fetched.message);
    });
    mailimap_fetch_list_free(result);
  }
  std::vector<ImapMessage> messages;
  messages.reserve(by_uid.size());
  for (auto& [uid, message] : by_uid) messages.push_back(std::move(message));
  return messages;
}

absl::Status ImapClient::Fetch(const std::vector<uint32_t>& uids, const Take& take) {
  mailimap_set* set = mailimap_set_new_empty();
  for (const uint32_t uid : uids) mailimap_set_add_single(set, uid);
  mailimap_fetch_type* type =
      FetchType({mailimap_fetch_att_new_uid(),
                 mailimap_fetch_att_new_body_peek_section(mailimap_section_new(nullptr))});
  clist* result = nullptr;
  absl::Status status = StatusOf(mailimap_uid_fetch(session_, set, type, &result), "UID FETCH");
  mailimap_set_free(set);
  mailimap_fetch_type_free(type);
  if (!status.ok()) return status;
  ForEach<mailimap_msg_att>(result, [&](const mailimap_msg_att* response) {
    const FetchedMessage fetched = ReadFetch(response);
    if (!status.ok() || fetched.message.uid == 0 || fetched.body == nullptr) return;
    std::optional<std::string> octets;
    if (fetched.body->sec_body_part != nullptr) {
      octets.emplace(fetched.body->sec_body_part, fetched.body->sec_length);
    }
    status = take(fetched.message.uid, std::move(octets));
  });
  mailimap_fetch_list_free(result);
  return status;
}

absl::StatusOr<std::optional<std::string>> ImapClient::FetchPart(uint32_t uid, uint32_t offset,
                                                                 uint32_t octets) {
  mailimap_set* set = mailimap_set_new_single(uid);
  mailimap_fetch_type* type = FetchType(
      {mailimap_fetch_att_new_uid(), mailimap_fetch_att_new_body_peek_section_partial(
                                         mailimap_section_new(nullptr), offset, octets)});
  clist* result = nullptr;
  const absl::Status status =
      StatusOf(mailimap_uid_fetch(session_, set, type, &result), "UID FETCH");
  mailimap_set_free(set);
  mailimap_fetch_type_free(type);
  if (!status.ok()) return status;
  std::optional<std::string> part;
  ForEach<mailimap_msg_att>(result, [&](const mailimap_msg_att* response) {
    const FetchedMessage fetched = ReadFetch(response);
    if (fetched.message.uid != uid || fetched.body == nullptr) return;
    part.emplace();
    if (fetched.body->sec_body_part != nullptr) {
      part->assign(fetched.body->sec_body_part, fetched.body->sec_length);
    }
  });
  mailimap_fetch_list_free(result);
  return part;
}

}  // namespace restante::ctl
