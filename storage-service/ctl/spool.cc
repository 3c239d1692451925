#include "storage-service/ctl/spool.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage-service/ctl/cyrus_index.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/import_file.h"
#include "storage-service/ctl/old_uidls.h"

namespace restante::ctl {
namespace {

namespace fs = std::filesystem;

constexpr char kDovecotDefault[] = "%08Xu%08Xv";
constexpr uint64_t kNoUid = std::numeric_limits<uint64_t>::max();

// A message and what it is sorted by.
struct Found {
  SpoolMessage message;
  uint64_t uid = kNoUid;
};

absl::StatusOr<std::vector<fs::path>> FilesIn(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!absl::StartsWith(entry->path().filename().string(), ".")) {
      files.push_back(entry->path());
    }
  }
  if (error) return RefusedError(absl::StrCat(folder.string(), ": ", error.message()));
  return files;
}

// When the file was last changed, if it is one.
std::optional<absl::Time> TimeOf(const fs::path& path) {
  struct stat entry {};
  if (stat(path.c_str(), &entry) != 0 || !S_ISREG(entry.st_mode)) return std::nullopt;
  return absl::TimeFromTimespec(entry.st_mtim);
}

// The whole of a file that may be missing.
absl::StatusOr<std::optional<std::string>> ReadIfThere(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  absl::StatusOr<std::string> text = ReadWhole(path.string(), -1);
  if (!text.ok()) return text.status();
  return *std::move(text);
}

// "0 $Forwarded" and so on: the keywords that the letters a to z stand for.
absl::flat_hash_map<char, std::string> KeywordsIn(absl::string_view text) {
  absl::flat_hash_map<char, std::string> keywords;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t space = line.find(' ');
    int index = 0;
    if (space == absl::string_view::npos || !absl::SimpleAtoi(line.substr(0, space), &index) ||
        index < 0 || index > 25) {
      continue;
    }
    keywords[static_cast<char>('a' + index)] = std::string(line.substr(space + 1));
  }
  return keywords;
}

std::vector<std::string> FlagsOf(absl::string_view name,
                                 const absl::flat_hash_map<char, std::string>& keywords) {
  std::vector<std::string> flags;
  const size_t info = name.find(":2,");
  if (info == absl::string_view::npos) return flags;
  for (const char letter : name.substr(info + 3)) {
    const auto keyword = keywords.find(letter);
    if (letter == ',') break;
    if (letter == 'S') flags.push_back("\\Seen");
    if (letter == 'R') flags.push_back("\\Answered");
    if (letter == 'F') flags.push_back("\\Flagged");
    if (letter == 'T') flags.push_back("\\Deleted");
    if (letter == 'D') flags.push_back("\\Draft");
    if (letter == 'P') flags.push_back("$Forwarded");
    if (keyword != keywords.end()) flags.push_back(keyword->second);
  }
  return flags;
}

absl::StatusOr<std::vector<Found>> MaildirFiles(const std::string& path) {
  const fs::path root(path);
  std::error_code ignored;
  if (!fs::is_directory(root / "cur", ignored) || !fs::is_directory(root / "new", ignored)) {
    return RefusedError(absl::StrCat(path, " isn't a Maildir: it has no folders cur and new"));
  }
  absl::StatusOr<std::optional<std::string>> list = ReadIfThere(root / "dovecot-keywords");
  if (!list.ok()) return list.status();
  const auto keywords = KeywordsIn(list->value_or(""));
  std::vector<Found> found;
  for (const char* folder : {"cur", "new"}) {
    absl::StatusOr<std::vector<fs::path>> files = FilesIn(root / folder);
    if (!files.ok()) return files.status();
    for (const fs::path& file : *files) {
      const std::optional<absl::Time> received = TimeOf(file);
      if (!received) continue;
      const std::string name = file.filename().string();
      Found& next = found.emplace_back();
      next.message = {file.string(), name.substr(0, name.find(':')), *received,
                      FlagsOf(name, keywords), ""};
    }
  }
  return found;
}

Spool Sorted(std::vector<Found> found, std::vector<std::string> notes) {
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::tie(a.uid, a.message.received, a.message.id) <
           std::tie(b.uid, b.message.received, b.message.id);
  });
  Spool spool;
  spool.notes = std::move(notes);
  for (Found& next : found) spool.messages.push_back(std::move(next.message));
  return spool;
}

std::string NoList(const std::string& path, absl::string_view name) {
  return absl::StrCat(path, " has no ", name, ": the messages get new UIDLs");
}

absl::StatusOr<UidlFormat> FormatOf(const std::string& format, const char* usual) {
  absl::StatusOr<UidlFormat> parsed = UidlFormat::Parse(format.empty() ? usual : format);
  if (!parsed.ok()) return UsageError(parsed.status().message());
  return parsed;
}

}  // namespace

absl::StatusOr<Spool> ReadMaildir(const std::string& path) {
  absl::StatusOr<std::vector<Found>> found = MaildirFiles(path);
  if (!found.ok()) return found.status();
  return Sorted(*std::move(found), {});
}

absl::StatusOr<Spool> ReadDovecot(const std::string& path, const std::string& uidl_format) {
  const absl::StatusOr<UidlFormat> format = FormatOf(uidl_format, kDovecotDefault);
  if (!format.ok()) return format.status();
  absl::StatusOr<std::vector<Found>> found = MaildirFiles(path);
  if (!found.ok()) return found.status();
  const fs::path file = fs::path(path) / "dovecot-uidlist";
  absl::StatusOr<std::optional<std::string>> text = ReadIfThere(file);
  if (!text.ok()) return text.status();
  if (!text->has_value()) {
    return Sorted(*std::move(found), {NoList(path, "dovecot-uidlist")});
  }
  const absl::StatusOr<DovecotUidList> list = ParseDovecotUidList(**text);
  if (!list.ok()) {
    return RefusedError(absl::StrCat(file.string(), ": ", list.status().message()));
  }
  for (Found& next : *found) {
    const auto entry = list->entries.find(next.message.id);
    if (entry == list->entries.end()) continue;
    const auto& [uid, uidl, guid] = entry->second;
    next.uid = uid;
    next.message.uidl = !uidl.empty() ? uidl
                                      : format->Expand(uid, list->uidvalidity, next.message.id,
                                                       guid.empty() ? next.message.id : guid);
  }
  return Sorted(*std::move(found), {});
}

absl::StatusOr<Spool> ReadCourier(const std::string& path) {
  absl::StatusOr<std::vector<Found>> found = MaildirFiles(path);
  if (!found.ok()) return found.status();
  const fs::path file = fs::path(path) / "courierpop3dsizelist";
  absl::StatusOr<std::optional<std::string>> text = ReadIfThere(file);
  if (!text.ok()) return text.status();
  if (!text->has_value()) {
    return Sorted(*std::move(found), {NoList(path, "courierpop3dsizelist")});
  }
  const auto list = ParseCourierList(**text);
  if (!list.ok()) {
    return RefusedError(absl::StrCat(file.string(), ": ", list.status().message()));
  }
  for (Found& next : *found) {
    const auto entry = list->find(next.message.id);
    if (entry == list->end()) continue;
    // Courier lists by the time in the file's name, which a UID doesn't follow.
    next.message.uidl = entry->second.uidl;
  }
  return Sorted(*std::move(found), {});
}

// UIDs of the files that Cyrus keeps of deleted messages. Without an index that can be
// read there is a note, and the operator has to see to it.
absl::StatusOr<absl::flat_hash_set<uint32_t>> ExpungedIn(const std::string& path,
                                                         std::vector<std::string>* notes) {
  const fs::path file = fs::path(path) / "cyrus.index";
  const absl::StatusOr<std::optional<std::string>> octets = ReadIfThere(file);
  if (!octets.ok()) return octets.status();
  absl::StatusOr<absl::flat_hash_set<uint32_t>> expunged;
  if (octets->has_value()) {
    expunged = ExpungedInCyrusIndex(**octets);
    if (expunged.ok()) return expunged;
  } else {
    expunged = absl::NotFoundError("isn't there");
  }
  notes->push_back(absl::StrCat(
      file.string(), " ", expunged.status().message(),
      ": messages that were deleted and are still kept (expunge_mode: delayed) come as well, "
      "unless Cyrus' cyr_expire -X 0 has taken them away"));
  return absl::flat_hash_set<uint32_t>();
}

absl::StatusOr<Spool> ReadCyrus(const std::string& path, const std::string& uidl_format,
                                uint32_t uidvalidity) {
  const absl::StatusOr<UidlFormat> format = FormatOf(uidl_format, "cyrus");
  if (!format.ok()) return format.status();
  if (format->NeedsUidvalidity() && uidvalidity == 0) {
    return UsageError(
        "UIDLs of Cyrus hold the mailbox's UIDVALIDITY: give it with --uidvalidity "
        "(Cyrus' mbexamine shows it), or --uidl-format uidonly");
  }
  absl::StatusOr<std::vector<fs::path>> files = FilesIn(path);
  if (!files.ok()) return files.status();
  std::vector<std::string> notes = {"flags stay behind: they are in Cyrus' own index"};
  const absl::StatusOr<absl::flat_hash_set<uint32_t>> expunged = ExpungedIn(path, &notes);
  if (!expunged.ok()) return expunged.status();
  std::vector<Found> found;
  for (const fs::path& file : *files) {
    const std::string name = file.filename().string();
    uint32_t uid = 0;
    if (!absl::EndsWith(name, ".") ||
        !absl::SimpleAtoi(name.substr(0, name.size() - 1), &uid) || expunged->contains(uid)) {
      continue;
    }
    const std::optional<absl::Time> received = TimeOf(file);
    if (!received) continue;
    Found& next = found.emplace_back();
    next.uid = uid;
    const std::string where =
        uidvalidity == 0 ? fs::absolute(path).lexically_normal().string() : "";
    next.message = {file.string(),
                    absl::StrCat(where, uidvalidity, ".", uid),
                    *received,
                    {},
                    format->Expand(uid, uidvalidity, name, absl::StrCat(uid))};
  }
  return Sorted(std::move(found), std::move(notes));
}

}  // namespace restante::ctl
