#include "storage-service/ctl/transfer/maildir_folders.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/import_file.h"
#include "storage-service/ctl/transfer/mailbox_names.h"

namespace restante::ctl {
namespace {

namespace fs = std::filesystem;

bool IsPartOfMaildir(const std::string& name) {
  return name == "cur" || name == "new" || name == "tmp";
}

// Directories below each other; a Maildir++ folder's name is all its levels.
absl::Status AddFolders(const fs::path& directory, const std::vector<std::string>& above,
                        std::vector<MaildirFolder>* folders) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().string();
    if (IsPartOfMaildir(name) || !entry->is_directory(ignored)) continue;
    std::vector<std::string> levels = above;
    if (!absl::StartsWith(name, ".")) {
      levels.push_back(name);
    } else if (above.empty() && name.size() > 1) {
      levels = absl::StrSplit(name.substr(1), '.');
    } else {
      continue;
    }
    if (IsMaildir(entry->path().string())) {
      folders->push_back({MailboxNameOf(levels), entry->path().string()});
    }
    if (absl::StartsWith(name, ".")) continue;
    absl::Status below = AddFolders(entry->path(), levels, folders);
    if (!below.ok()) return below;
  }
  if (error) return RefusedError(absl::StrCat(directory.string(), ": ", error.message()));
  return absl::OkStatus();
}

// "V<TAB>2", a blank line, then names whose levels are divided by tabs; or names alone.
std::vector<std::string> DovecotSubscriptions(absl::string_view text) {
  const bool with_tabs = absl::ConsumePrefix(&text, "V\t2\n");
  std::vector<std::string> names;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty()) continue;
    const char divider = with_tabs ? '\t' : absl::StrContains(line, "/") ? '/' : '.';
    names.push_back(MailboxNameOf(absl::StrSplit(line, divider)));
  }
  return names;
}

std::vector<std::string> CourierSubscriptions(absl::string_view text) {
  std::vector<std::string> names;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::ConsumePrefix(&line, "INBOX.");
    if (!line.empty()) names.push_back(MailboxNameOf(absl::StrSplit(line, '.')));
  }
  return names;
}

}  // namespace

bool IsMaildir(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(fs::path(path) / "cur", ignored) &&
         fs::is_directory(fs::path(path) / "new", ignored);
}

absl::StatusOr<std::vector<MaildirFolder>> FindMaildirFolders(const std::string& root) {
  if (!IsMaildir(root)) {
    return RefusedError(absl::StrCat(root, " isn't a Maildir: it has no folders cur and new"));
  }
  std::vector<MaildirFolder> folders;
  absl::Status found = AddFolders(root, {}, &folders);
  if (!found.ok()) return found;
  std::sort(folders.begin(), folders.end(), [](const MaildirFolder& a, const MaildirFolder& b) {
    return std::tie(a.mailbox, a.path) < std::tie(b.mailbox, b.path);
  });
  folders.insert(folders.begin(), {"INBOX", root});
  return folders;
}

absl::StatusOr<std::vector<std::string>> MaildirSubscriptions(const std::string& root) {
  std::error_code ignored;
  for (const char* name : {"subscriptions", "courierimapsubscribed"}) {
    const fs::path path = fs::path(root) / name;
    if (!fs::exists(path, ignored)) continue;
    const absl::StatusOr<std::string> text = ReadWhole(path.string(), -1);
    if (!text.ok()) return text.status();
    return absl::string_view(name) == "subscriptions" ? DovecotSubscriptions(*text)
                                                      : CourierSubscriptions(*text);
  }
  return std::vector<std::string>();
}

}  // namespace restante::ctl
