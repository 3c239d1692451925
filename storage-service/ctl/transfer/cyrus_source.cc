#include "storage-service/ctl/transfer/cyrus_source.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/transfer/cyrus_index.h"
#include "storage-service/ctl/transfer/old_uidls.h"
#include "storage-service/ctl/transfer/source_file.h"

namespace restante::ctl {
namespace {

class CyrusSource : public MailSource {
 public:
  CyrusSource(std::string path, UidlFormat format, uint32_t uidvalidity)
      : path_(std::move(path)), format_(std::move(format)), uidvalidity_(uidvalidity) {}

  std::string kind() const override { return "cyrus"; }

  absl::StatusOr<std::vector<SourceMailbox>> Mailboxes() override {
    SourceMailbox inbox;
    inbox.name = "INBOX";
    inbox.place = path_;
    const absl::StatusOr<std::vector<SourceMessage>> messages = Messages(&inbox);
    if (!messages.ok()) return messages.status();
    inbox.messages = messages->size();
    TakeNotes();  // they come again with the messages
    return std::vector<SourceMailbox>{std::move(inbox)};
  }

  absl::StatusOr<std::vector<SourceMessage>> Messages(SourceMailbox* mailbox) override;

  absl::Status Fetch(const SourceMailbox& /*mailbox*/, std::vector<SourceMessage> wanted,
                     MessageSink* sink) override {
    for (const SourceMessage& message : wanted) {
      absl::Status sent = SendFile(message.name, message, sink);
      if (absl::IsNotFound(sent)) {
        sink->Gone(message);
      } else if (!sent.ok()) {
        return sent;
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<absl::flat_hash_set<uint32_t>> Expunged();

  const std::string path_;
  const UidlFormat format_;
  const uint32_t uidvalidity_;
};

// UIDs of the files that Cyrus keeps of deleted messages. Without an index that can be
// read there is a note, and the operator has to see to it.
absl::StatusOr<absl::flat_hash_set<uint32_t>> CyrusSource::Expunged() {
  const std::string file = absl::StrCat(path_, "/cyrus.index");
  const absl::StatusOr<std::optional<std::string>> octets = ReadIfThere(file);
  if (!octets.ok()) return octets.status();
  absl::StatusOr<absl::flat_hash_set<uint32_t>> expunged = absl::NotFoundError("isn't there");
  if (octets->has_value()) expunged = ExpungedInCyrusIndex(**octets);
  if (expunged.ok()) return expunged;
  Note(absl::StrCat(
      file, " ", expunged.status().message(),
      ": messages that were deleted and are still kept (expunge_mode: delayed) come as well, "
      "unless Cyrus' cyr_expire -X 0 has taken them away"));
  return absl::flat_hash_set<uint32_t>();
}

absl::StatusOr<std::vector<SourceMessage>> CyrusSource::Messages(SourceMailbox* mailbox) {
  Note("flags stay behind: they are in Cyrus' own index");
  const absl::StatusOr<absl::flat_hash_set<uint32_t>> expunged = Expunged();
  if (!expunged.ok()) return expunged.status();
  // Without the UIDVALIDITY the place has to tell one spool from another.
  const std::string where =
      uidvalidity_ == 0 ? std::filesystem::absolute(path_).lexically_normal().string() : "";
  mailbox->uidvalidity = uidvalidity_;
  std::vector<SourceMessage> messages;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    SourceMessage message;
    if (!absl::EndsWith(name, ".") ||
        !absl::SimpleAtoi(name.substr(0, name.size() - 1), &message.uid) ||
        expunged->contains(message.uid)) {
      continue;
    }
    const std::optional<FileFacts> facts = FactsOf(entry->path().string());
    if (!facts) continue;
    message.name = entry->path().string();
    message.id = absl::StrCat(where, uidvalidity_, ".", message.uid);
    message.received = facts->changed;
    message.octets = facts->octets;
    message.uidl = format_.Expand(message.uid, uidvalidity_, name, absl::StrCat(message.uid));
    mailbox->uid_next = std::max(mailbox->uid_next, message.uid + 1);
    messages.push_back(std::move(message));
  }
  if (error) return RefusedError(absl::StrCat(path_, ": ", error.message()));
  std::sort(messages.begin(), messages.end(),
            [](const SourceMessage& a, const SourceMessage& b) { return a.uid < b.uid; });
  return messages;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MailSource>> OpenCyrus(const std::string& path,
                                                      const std::string& uidl_format,
                                                      uint32_t uidvalidity) {
  absl::StatusOr<UidlFormat> format =
      UidlFormat::Parse(uidl_format.empty() ? "cyrus" : uidl_format);
  if (!format.ok()) return UsageError(format.status().message());
  if (format->NeedsUidvalidity() && uidvalidity == 0) {
    return UsageError(
        "UIDLs of Cyrus hold the mailbox's UIDVALIDITY: give it with --uidvalidity "
        "(Cyrus' mbexamine shows it), or --uidl-format uidonly");
  }
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    return RefusedError(absl::StrCat(path, ": ", error ? error.message() : "no directory"));
  }
  return std::make_unique<CyrusSource>(path, *std::move(format), uidvalidity);
}

}  // namespace restante::ctl
