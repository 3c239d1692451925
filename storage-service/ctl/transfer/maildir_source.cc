#include "storage-service/ctl/transfer/maildir_source.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/transfer/maildir_folders.h"
#include "storage-service/ctl/transfer/maildir_names.h"
#include "storage-service/ctl/transfer/old_uidls.h"
#include "storage-service/ctl/transfer/source_file.h"

namespace restante::ctl {
namespace {

namespace fs = std::filesystem;

constexpr char kDovecotDefault[] = "%08Xu%08Xv";

using PathsByBase = absl::flat_hash_map<std::string, std::string>;

absl::Status AddFiles(const fs::path& folder, PathsByBase* paths) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!absl::StartsWith(name, ".")) (*paths)[MaildirBase(name)] = entry->path().string();
  }
  if (error) return RefusedError(absl::StrCat(folder.string(), ": ", error.message()));
  return absl::OkStatus();
}

// Files go from `new` to `cur`, and change their names there: one that is renamed while
// `cur` is read may be missed, but not twice.
absl::StatusOr<PathsByBase> FilesOf(const std::string& folder) {
  PathsByBase paths;
  for (const char* part : {"new", "cur", "cur"}) {
    absl::Status added = AddFiles(fs::path(folder) / part, &paths);
    if (!added.ok()) return added;
  }
  return paths;
}

absl::StatusOr<uint64_t> CountFiles(const std::string& folder) {
  uint64_t count = 0;
  for (const char* part : {"new", "cur"}) {
    std::error_code error;
    for (fs::directory_iterator entry(fs::path(folder) / part, error), end;
         !error && entry != end; entry.increment(error)) {
      ++count;
    }
    if (error) return RefusedError(absl::StrCat(folder, "/", part, ": ", error.message()));
  }
  return count;
}

class MaildirSource : public MailSource {
 public:
  MaildirSource(std::string root, std::vector<MaildirFolder> folders, MaildirOptions options,
                UidlFormat format)
      : root_(std::move(root)),
        folders_(std::move(folders)),
        options_(std::move(options)),
        format_(std::move(format)) {}

  std::string kind() const override {
    switch (options_.server) {
      case MaildirOptions::Server::kDovecot:
        return "dovecot";
      case MaildirOptions::Server::kCourier:
        return "courier";
      default:
        return "maildir";
    }
  }

  absl::StatusOr<std::vector<SourceMailbox>> Mailboxes() override;
  absl::StatusOr<std::vector<std::string>> Subscriptions() override {
    return MaildirSubscriptions(root_);
  }
  absl::StatusOr<std::vector<SourceMessage>> Messages(SourceMailbox* mailbox) override;
  absl::Status Fetch(const SourceMailbox& mailbox, std::vector<SourceMessage> wanted,
                     MessageSink* sink) override;

 private:
  absl::Status AddDovecotUids(SourceMailbox* mailbox, std::vector<SourceMessage>* messages);
  absl::Status AddCourierUids(SourceMailbox* mailbox, std::vector<SourceMessage>* messages);
  absl::StatusOr<MaildirKeywords> KeywordsOf(const SourceMailbox& mailbox);

  const std::string root_;
  const std::vector<MaildirFolder> folders_;
  const MaildirOptions options_;
  const UidlFormat format_;
};

absl::StatusOr<std::vector<SourceMailbox>> MaildirSource::Mailboxes() {
  std::vector<SourceMailbox> mailboxes;
  for (const MaildirFolder& folder : folders_) {
    const absl::StatusOr<uint64_t> count = CountFiles(folder.path);
    if (!count.ok()) return count.status();
    SourceMailbox& mailbox = mailboxes.emplace_back();
    mailbox.name = folder.mailbox;
    mailbox.place = folder.path;
    mailbox.messages = *count;
  }
  return mailboxes;
}

absl::StatusOr<MaildirKeywords> MaildirSource::KeywordsOf(const SourceMailbox& mailbox) {
  const absl::StatusOr<std::optional<std::string>> list =
      ReadIfThere(absl::StrCat(mailbox.place, "/dovecot-keywords"));
  if (!list.ok()) return list.status();
  return ParseMaildirKeywords(list->value_or(""));
}

absl::StatusOr<std::vector<SourceMessage>> MaildirSource::Messages(SourceMailbox* mailbox) {
  const absl::StatusOr<MaildirKeywords> keywords = KeywordsOf(*mailbox);
  if (!keywords.ok()) return keywords.status();
  const absl::StatusOr<PathsByBase> paths = FilesOf(mailbox->place);
  if (!paths.ok()) return paths.status();
  std::vector<SourceMessage> messages;
  messages.reserve(paths->size());
  for (const auto& [base, path] : *paths) {
    SourceMessage message;
    message.name = path;
    message.id = base;
    if (const std::optional<FileFacts> facts = FactsOf(path)) {
      message.received = facts->changed;
      message.octets = facts->octets;
    } else {
      std::error_code ignored;
      // What isn't a file isn't a message; what is gone is looked for when it is read.
      if (fs::exists(path, ignored)) continue;
    }
    const std::optional<absl::Time> named = MaildirTime(base);
    if (named && (options_.dates_from_names || !message.received)) message.received = named;
    message.flags = MaildirFlags(path.substr(path.rfind('/') + 1), *keywords);
    messages.push_back(std::move(message));
  }
  absl::Status listed = absl::OkStatus();
  if (options_.server == MaildirOptions::Server::kDovecot) {
    listed = AddDovecotUids(mailbox, &messages);
  } else if (options_.server == MaildirOptions::Server::kCourier) {
    listed = AddCourierUids(mailbox, &messages);
  }
  if (!listed.ok()) return listed;
  const auto order = [](const SourceMessage& message) {
    const uint32_t uid = message.uid == 0 ? std::numeric_limits<uint32_t>::max() : message.uid;
    return std::tuple(uid, message.received.value_or(absl::InfiniteFuture()),
                      absl::string_view(message.id));
  };
  std::sort(
      messages.begin(), messages.end(),
      [&order](const SourceMessage& a, const SourceMessage& b) { return order(a) < order(b); });
  return messages;
}

absl::Status MaildirSource::AddDovecotUids(SourceMailbox* mailbox,
                                           std::vector<SourceMessage>* messages) {
  const std::string path = absl::StrCat(mailbox->place, "/dovecot-uidlist");
  const absl::StatusOr<std::optional<std::string>> text = ReadIfThere(path);
  if (!text.ok()) return text.status();
  if (!text->has_value()) {
    if (!messages->empty()) {
      Note(absl::StrCat(mailbox->place, " has no dovecot-uidlist: the messages get new UIDLs"));
    }
    return absl::OkStatus();
  }
  const absl::StatusOr<DovecotUidList> list = ParseDovecotUidList(**text);
  if (!list.ok()) return RefusedError(absl::StrCat(path, ": ", list.status().message()));
  mailbox->uidvalidity = list->uidvalidity;
  mailbox->uid_next = list->uid_next;
  for (SourceMessage& message : *messages) {
    const auto entry = list->entries.find(message.id);
    if (entry == list->entries.end()) continue;
    const auto& [uid, uidl, guid] = entry->second;
    message.uid = uid;
    mailbox->uid_next = std::max(mailbox->uid_next, uid + 1);
    if (mailbox->name != "INBOX") continue;  // POP3 has no other
    message.uidl = !uidl.empty() ? uidl
                                 : format_.Expand(uid, list->uidvalidity, message.id,
                                                  guid.empty() ? message.id : guid);
  }
  return absl::OkStatus();
}

absl::Status MaildirSource::AddCourierUids(SourceMailbox* mailbox,
                                           std::vector<SourceMessage>* messages) {
  if (options_.with_uids) {
    const std::string path = absl::StrCat(mailbox->place, "/courierimapuiddb");
    const absl::StatusOr<std::optional<std::string>> text = ReadIfThere(path);
    if (!text.ok()) return text.status();
    if (text->has_value()) {
      const absl::StatusOr<CourierUidDb> list = ParseCourierUidDb(**text);
      if (!list.ok()) return RefusedError(absl::StrCat(path, ": ", list.status().message()));
      mailbox->uidvalidity = list->uidvalidity;
      mailbox->uid_next = list->uid_next;
      for (SourceMessage& message : *messages) {
        const auto entry = list->uids.find(message.id);
        if (entry != list->uids.end()) message.uid = entry->second;
      }
    }
  }
  if (mailbox->name != "INBOX") return absl::OkStatus();
  const std::string path = absl::StrCat(mailbox->place, "/courierpop3dsizelist");
  const absl::StatusOr<std::optional<std::string>> text = ReadIfThere(path);
  if (!text.ok()) return text.status();
  if (!text->has_value()) {
    Note(absl::StrCat(mailbox->place,
                      " has no courierpop3dsizelist: the messages get new UIDLs"));
    return absl::OkStatus();
  }
  const auto list = ParseCourierList(**text);
  if (!list.ok()) return RefusedError(absl::StrCat(path, ": ", list.status().message()));
  for (SourceMessage& message : *messages) {
    const auto entry = list->find(message.id);
    // Courier lists by the time in the file's name, which these UIDs don't follow.
    if (entry != list->end()) message.uidl = entry->second.uidl;
  }
  return absl::OkStatus();
}

absl::Status MaildirSource::Fetch(const SourceMailbox& mailbox,
                                  std::vector<SourceMessage> wanted, MessageSink* sink) {
  PathsByBase moved;
  for (SourceMessage& message : wanted) {
    absl::Status sent = SendFile(message.name, message, sink);
    for (int attempt = 0; attempt < 2 && absl::IsNotFound(sent); ++attempt) {
      // Its flags have changed, and so have those of others behind it.
      if (attempt > 0 || !moved.contains(message.id)) {
        absl::StatusOr<PathsByBase> paths = FilesOf(mailbox.place);
        if (!paths.ok()) return paths.status();
        moved = *std::move(paths);
      }
      const auto path = moved.find(message.id);
      if (path == moved.end()) break;
      const absl::StatusOr<MaildirKeywords> keywords = KeywordsOf(mailbox);
      if (!keywords.ok()) return keywords.status();
      message.name = path->second;
      message.flags = MaildirFlags(message.name.substr(message.name.rfind('/') + 1), *keywords);
      sent = SendFile(message.name, message, sink);
    }
    if (absl::IsNotFound(sent)) {
      sink->Gone(message);
    } else if (!sent.ok()) {
      return sent;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MailSource>> OpenMaildir(const std::string& path,
                                                        MaildirOptions options) {
  absl::StatusOr<UidlFormat> format =
      UidlFormat::Parse(options.uidl_format.empty() ? kDovecotDefault : options.uidl_format);
  if (!format.ok()) return UsageError(format.status().message());
  absl::StatusOr<std::vector<MaildirFolder>> folders = FindMaildirFolders(path);
  if (!folders.ok()) return folders.status();
  return std::make_unique<MaildirSource>(path, *std::move(folders), std::move(options),
                                         *std::move(format));
}

}  // namespace restante::ctl
