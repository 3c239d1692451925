// An export to a Maildir++ that Dovecot can take over.
//
// A message's file has a name made of its UID, so that one that is there already is known
// again. Files are written in tmp, made durable many at a time, and only then renamed into
// cur: what is in cur is whole.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/transfer/durable_file.h"
#include "storage-service/ctl/transfer/export_sink.h"
#include "storage-service/ctl/transfer/lf_lines.h"
#include "storage-service/ctl/transfer/mailbox_names.h"
#include "storage-service/ctl/transfer/maildir_names.h"
#include "storage-service/ctl/transfer/source_file.h"

namespace restante::ctl {
namespace {

namespace fs = std::filesystem;

// Written before they are made durable together.
constexpr size_t kFilesAtOnce = 256;
constexpr uint64_t kOctetsAtOnce = uint64_t{64} << 20;

// "SECONDS.UuidVuidvalidity.restante,S=…,W=…"
std::string ExportedName(const v1::MessageRow& row, uint32_t uidvalidity) {
  return absl::StrCat(std::max<int64_t>(row.internal_date().seconds(), 0), ".U", row.uid(), "V",
                      uidvalidity, ".restante");
}

// The UID in such a name.
std::optional<uint32_t> ExportedUid(absl::string_view name, uint32_t uidvalidity) {
  const size_t begin = name.find(".U");
  const size_t end = name.find(absl::StrCat("V", uidvalidity, ".restante"));
  uint32_t uid = 0;
  if (begin == absl::string_view::npos || end == absl::string_view::npos || end < begin + 2 ||
      !absl::SimpleAtoi(name.substr(begin + 2, end - begin - 2), &uid)) {
    return std::nullopt;
  }
  return uid;
}

class MaildirExport : public ExportSink {
 public:
  explicit MaildirExport(std::string root) : root_(std::move(root)) {}

  absl::StatusOr<std::vector<const v1::MessageRow*>> Open(
      const v1::MailboxStatus& mailbox, const std::vector<v1::MessageRow>& rows) override;
  absl::Status Begin(const v1::MessageRow& row) override;
  absl::Status Data(absl::string_view octets) override;
  absl::Status End() override;
  absl::Status Abandon() override;
  absl::Status Close() override;
  absl::Status Subscribed(const std::vector<std::string>& mailboxes) override;

 private:
  struct Written {
    std::string draft;
    uint32_t uid = 0;
    std::string base;
    std::string letters;
  };

  std::string FolderFor(const v1::MailboxStatus& mailbox);
  // Files of an export that went before, by UID; an error if there are others.
  absl::StatusOr<std::map<uint32_t, std::string>> FilesHere();
  std::string LettersOf(const v1::MessageRow& row);
  absl::Status Flush();

  const std::string root_;
  absl::flat_hash_set<std::string> folders_;  // that are used

  // Of the mailbox at hand.
  v1::MailboxStatus mailbox_;
  std::vector<std::pair<uint32_t, std::string>> uidls_;  // by UID; of INBOX
  std::string folder_;
  MaildirKeywords keywords_;
  bool keywords_written_ = true;
  std::map<uint32_t, std::string> bases_;  // what the files in cur are called
  std::vector<Written> written_;
  uint64_t written_octets_ = 0;

  // Of the message under way.
  const v1::MessageRow* row_ = nullptr;
  std::unique_ptr<OutputFile> file_;
  LfLines lines_;
};

std::string MaildirExport::FolderFor(const v1::MailboxStatus& mailbox) {
  const std::string wanted = MaildirFolderOf(mailbox.name());
  std::string folder = wanted;
  for (int i = 2; !folders_.insert(folder).second; ++i) folder = absl::StrCat(wanted, "-", i);
  if (folder != wanted || absl::StrContains(mailbox.name(), ".")) {
    Note(absl::StrCat("mailbox ", mailbox.name(), " is the folder ", folder));
  }
  return folder.empty() ? root_ : absl::StrCat(root_, "/", folder);
}

absl::StatusOr<std::map<uint32_t, std::string>> MaildirExport::FilesHere() {
  std::map<uint32_t, std::string> files;
  for (const char* part : {"new", "cur"}) {
    const std::string path = absl::StrCat(folder_, "/", part);
    std::error_code error;
    for (fs::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      const std::optional<uint32_t> uid = ExportedUid(name, mailbox_.uidvalidity());
      if (!uid || absl::string_view(part) == "new") {
        return RefusedError(absl::StrCat(entry->path().string(),
                                         " isn't of an export of this mailbox: give another "
                                         "directory"));
      }
      files[*uid] = name;
    }
    if (error) return RefusedError(absl::StrCat(path, ": ", error.message()));
  }
  return files;
}

std::string MaildirExport::LettersOf(const v1::MessageRow& row) {
  const size_t known = keywords_.size();
  std::vector<std::string> left_out;
  std::string letters =
      MaildirLetters({row.flags().begin(), row.flags().end()}, &keywords_, &left_out);
  if (keywords_.size() != known) keywords_written_ = false;
  if (!left_out.empty()) {
    Note(absl::StrCat(mailbox_.name(), ", UID ", row.uid(), ": a Maildir has no room for ",
                      absl::StrJoin(left_out, " ")));
  }
  return letters;
}

absl::StatusOr<std::vector<const v1::MessageRow*>> MaildirExport::Open(
    const v1::MailboxStatus& mailbox, const std::vector<v1::MessageRow>& rows) {
  mailbox_ = mailbox;
  folder_ = FolderFor(mailbox);
  bases_.clear();
  uidls_.clear();
  for (const char* part : {"cur", "new", "tmp"}) {
    absl::Status made = MakeDirectories(absl::StrCat(folder_, "/", part));
    if (!made.ok()) return made;
  }
  const auto here = FilesHere();
  if (!here.ok()) return here.status();
  std::error_code ignored;
  // Drafts of one that was interrupted.
  for (fs::directory_iterator entry(folder_ + "/tmp", ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    if (ExportedUid(entry->path().filename().string(), mailbox.uidvalidity())) {
      fs::remove(entry->path(), ignored);
    }
  }
  const absl::StatusOr<std::optional<std::string>> keywords =
      ReadIfThere(folder_ + "/dovecot-keywords");
  if (!keywords.ok()) return keywords.status();
  keywords_ = ParseMaildirKeywords(keywords->value_or(""));

  std::vector<const v1::MessageRow*> wanted;
  std::vector<std::pair<std::string, std::string>> renames;  // flags have changed
  for (const v1::MessageRow& row : rows) {
    if (mailbox.name() == "INBOX") uidls_.emplace_back(row.uid(), row.uidl());
    const auto file = here->find(row.uid());
    if (file == here->end()) {
      wanted.push_back(&row);
      continue;
    }
    const std::string base = MaildirBase(file->second);
    bases_[row.uid()] = base;
    std::string name = absl::StrCat(base, ":2,", LettersOf(row));
    if (name != file->second) renames.emplace_back(file->second, std::move(name));
  }
  absl::Status flushed = Flush();  // the keywords
  for (size_t i = 0; i < renames.size() && flushed.ok(); ++i) {
    flushed = Rename(absl::StrCat(folder_, "/cur/", renames[i].first),
                     absl::StrCat(folder_, "/cur/", renames[i].second));
  }
  if (!flushed.ok()) return flushed;
  const size_t gone = here->size() - bases_.size();
  if (gone > 0) {
    Note(absl::StrCat(folder_, ": the files of ", gone,
                      " messages that aren't in the mailbox any more stay there"));
  }
  return wanted;
}

absl::Status MaildirExport::Begin(const v1::MessageRow& row) {
  row_ = &row;
  lines_ = LfLines();
  auto file = OutputFile::Open(
      absl::StrCat(folder_, "/tmp/", ExportedName(row, mailbox_.uidvalidity())),
      O_CREAT | O_TRUNC);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  return absl::OkStatus();
}

absl::Status MaildirExport::Data(absl::string_view octets) {
  return file_->Write(lines_.Convert(octets));
}

absl::Status MaildirExport::End() {
  absl::Status written = file_->Write(lines_.Finish());
  if (!written.ok()) return written;
  const timespec date = {row_->internal_date().seconds(), row_->internal_date().nanos()};
  const timespec times[2] = {date, date};
  // A date that the file system can't keep isn't worth the message.
  static_cast<void>(futimens(file_->fd(), times));
  Written& next = written_.emplace_back();
  next.draft = file_->path();
  next.uid = row_->uid();
  next.base = absl::StrCat(ExportedName(*row_, mailbox_.uidvalidity()), ",S=", file_->octets(),
                           ",W=", row_->octets());
  next.letters = LettersOf(*row_);
  written_octets_ += file_->octets();
  file_.reset();
  if (written_.size() < kFilesAtOnce && written_octets_ < kOctetsAtOnce) {
    return absl::OkStatus();
  }
  return Flush();
}

absl::Status MaildirExport::Abandon() {
  std::error_code ignored;
  fs::remove(file_->path(), ignored);
  file_.reset();
  return absl::OkStatus();
}

absl::Status MaildirExport::Flush() {
  if (!keywords_written_) {
    // Before a file's name has a letter of them.
    absl::Status replaced =
        ReplaceFile(folder_ + "/dovecot-keywords", FormatMaildirKeywords(keywords_));
    if (!replaced.ok()) return replaced;
    keywords_written_ = true;
  }
  if (written_.empty()) return absl::OkStatus();
  absl::Status status = SyncFileSystem(folder_);
  for (const Written& file : written_) {
    if (!status.ok()) return status;
    status = Rename(file.draft, absl::StrCat(folder_, "/cur/", file.base, ":2,", file.letters));
    bases_[file.uid] = file.base;
  }
  if (status.ok()) status = SyncDirectory(folder_ + "/cur");
  written_.clear();
  written_octets_ = 0;
  return status;
}

absl::Status MaildirExport::Close() {
  absl::Status flushed = Flush();
  if (!flushed.ok()) return flushed;
  std::string list = absl::StrCat("3 V", mailbox_.uidvalidity(), " N", mailbox_.uid_next(),
                                  " G", mailbox_.mailbox_id(), "\n");
  auto uidl = uidls_.begin();
  for (const auto& [uid, base] : bases_) {
    while (uidl != uidls_.end() && uidl->first < uid) ++uidl;
    absl::StrAppend(&list, uid);
    if (uidl != uidls_.end() && uidl->first == uid) absl::StrAppend(&list, " P", uidl->second);
    absl::StrAppend(&list, " :", base, "\n");
  }
  if (folder_ != root_) {
    // Which says to Courier that it is a folder.
    absl::Status marked = ReplaceFile(folder_ + "/maildirfolder", "");
    if (!marked.ok()) return marked;
  }
  return ReplaceFile(folder_ + "/dovecot-uidlist", list);
}

absl::Status MaildirExport::Subscribed(const std::vector<std::string>& mailboxes) {
  if (mailboxes.empty()) return absl::OkStatus();
  std::string list;
  for (const std::string& name : mailboxes) {
    const std::string folder = MaildirFolderOf(name);
    absl::StrAppend(&list, folder.empty() ? "INBOX" : folder.substr(1), "\n");
  }
  return ReplaceFile(root_ + "/subscriptions", list);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExportSink>> NewMaildirExport(const std::string& directory) {
  absl::Status made = MakeDirectories(directory);
  if (!made.ok()) return made;
  return std::make_unique<MaildirExport>(directory);
}

}  // namespace restante::ctl
