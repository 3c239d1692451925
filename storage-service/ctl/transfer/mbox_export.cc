// An export to mboxrd files, one for each mailbox.
//
// Beside NAME.mbox stands NAME.mbox.state: up to which UID, and which octet, the file is
// durable. An export that goes on cuts the file there and continues behind that UID; one
// that is repeated later adds what has come since.
#include <fcntl.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/transfer/durable_file.h"
#include "storage-service/ctl/transfer/export_sink.h"
#include "storage-service/ctl/transfer/lf_lines.h"
#include "storage-service/ctl/transfer/mbox_format.h"
#include "storage-service/ctl/transfer/source_file.h"

namespace restante::ctl {
namespace {

constexpr absl::string_view kStateFormat = "restante-mbox-export 1";
// Between two points at which the file is made durable.
constexpr size_t kMessagesAtOnce = 1024;
constexpr uint64_t kOctetsBetween = uint64_t{64} << 20;

// The address of a Return-Path in the header's first octets; empty: there is none.
std::string ReturnPath(absl::string_view begin) {
  for (absl::string_view line : absl::StrSplit(begin, '\n')) {
    line = absl::StripTrailingAsciiWhitespace(line);
    if (line.empty()) break;
    if (!absl::StartsWithIgnoreCase(line, "Return-Path:")) continue;
    line = absl::StripAsciiWhitespace(line.substr(12));
    absl::ConsumePrefix(&line, "<");
    absl::ConsumeSuffix(&line, ">");
    return std::string(line);
  }
  return "";
}

class MboxExport : public ExportSink {
 public:
  explicit MboxExport(std::string root) : root_(std::move(root)) {}

  absl::StatusOr<std::vector<const v1::MessageRow*>> Open(
      const v1::MailboxStatus& mailbox, const std::vector<v1::MessageRow>& rows) override;
  absl::Status Begin(const v1::MessageRow& row) override;
  absl::Status Data(absl::string_view octets) override;
  absl::Status End() override;
  absl::Status Abandon() override;
  absl::Status Close() override { return Checkpoint(); }

 private:
  struct Place {
    uint32_t uid = 0;
    uint64_t offset = 0;
  };

  std::string PathFor(const std::string& mailbox);
  absl::StatusOr<std::optional<Place>> ReadState();
  absl::Status WriteState();
  // What is whole becomes durable.
  absl::Status Checkpoint();
  absl::Status Add(absl::string_view octets);

  const std::string root_;
  absl::flat_hash_set<std::string> paths_;  // that are used

  v1::MailboxStatus mailbox_;
  std::string path_;
  std::unique_ptr<OutputFile> file_;
  std::string buffer_;
  Place whole_;  // all messages up to here are written
  Place durable_;
  size_t messages_ = 0;  // written since

  // Of the message under way.
  const v1::MessageRow* row_ = nullptr;
  bool begun_ = false;
  LfLines lines_;
  std::string line_;  // the beginning of one, until it is known whether it needs quoting
  bool line_begins_ = true;
};

std::string MboxExport::PathFor(const std::string& mailbox) {
  std::string wanted = root_;
  for (absl::string_view level : absl::StrSplit(mailbox, '/')) {
    // Neither hidden nor a way out of the directory.
    const bool dot = absl::ConsumePrefix(&level, ".");
    absl::StrAppend(&wanted, "/", dot ? "_" : "", level);
  }
  std::string path = wanted;
  for (int i = 2; !paths_.insert(path).second; ++i) path = absl::StrCat(wanted, "-", i);
  return absl::StrCat(path, ".mbox");
}

absl::StatusOr<std::optional<MboxExport::Place>> MboxExport::ReadState() {
  const absl::StatusOr<std::optional<std::string>> text = ReadIfThere(path_ + ".state");
  if (!text.ok()) return text.status();
  if (!text->has_value()) return std::nullopt;
  absl::string_view line = absl::StripTrailingAsciiWhitespace(**text);
  Place place;
  uint32_t uidvalidity = 0;
  if (absl::ConsumePrefix(&line, kStateFormat)) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() == 4 && words[0] == mailbox_.mailbox_id() &&
        absl::SimpleAtoi(words[1], &uidvalidity) && uidvalidity == mailbox_.uidvalidity() &&
        absl::SimpleAtoi(words[2], &place.uid) && absl::SimpleAtoi(words[3], &place.offset)) {
      return place;
    }
  }
  return RefusedError(
      absl::StrCat(path_, ".state isn't of an export of this mailbox: give another directory"));
}

absl::Status MboxExport::WriteState() {
  return ReplaceFile(path_ + ".state", absl::StrCat(kStateFormat, " ", mailbox_.mailbox_id(),
                                                    " ", mailbox_.uidvalidity(), " ",
                                                    durable_.uid, " ", durable_.offset, "\n"));
}

absl::StatusOr<std::vector<const v1::MessageRow*>> MboxExport::Open(
    const v1::MailboxStatus& mailbox, const std::vector<v1::MessageRow>& rows) {
  mailbox_ = mailbox;
  path_ = PathFor(mailbox.name());
  absl::Status status = MakeDirectories(path_.substr(0, path_.rfind('/')));
  if (!status.ok()) return status;
  const absl::StatusOr<std::optional<Place>> state = ReadState();
  if (!state.ok()) return state.status();
  auto file = OutputFile::Open(path_, O_CREAT | O_APPEND);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  durable_ = state->value_or(Place());
  if (file_->octets() < durable_.offset || (!state->has_value() && file_->octets() > 0)) {
    return RefusedError(absl::StrCat(path_,
                                     " is there and isn't what an export has left: give "
                                     "another directory"));
  }
  if (!state->has_value()) status = WriteState();
  if (status.ok()) status = file_->Truncate(durable_.offset);
  if (!status.ok()) return status;
  whole_ = durable_;
  messages_ = 0;
  std::vector<const v1::MessageRow*> wanted;
  for (const v1::MessageRow& row : rows) {
    if (row.uid() > durable_.uid) wanted.push_back(&row);
  }
  return wanted;
}

absl::Status MboxExport::Add(absl::string_view octets) {
  absl::StrAppend(&buffer_, octets);
  if (buffer_.size() < (size_t{256} << 10)) return absl::OkStatus();
  return file_->Write(std::exchange(buffer_, std::string()));
}

absl::Status MboxExport::Begin(const v1::MessageRow& row) {
  row_ = &row;
  begun_ = false;
  lines_ = LfLines();
  line_.clear();
  line_begins_ = true;
  return absl::OkStatus();
}

absl::Status MboxExport::Data(absl::string_view octets) {
  if (!begun_) {
    begun_ = true;
    const absl::Time received = absl::FromUnixSeconds(row_->internal_date().seconds());
    absl::Status added = Add(absl::StrCat(
        FormatFromLine(ReturnPath(octets), received),
        FormatMboxFields({row_->flags().begin(), row_->flags().end()}, row_->uid())));
    if (!added.ok()) return added;
  }
  // Whole lines, but for very long ones; those are quoted by their beginning.
  line_ += lines_.Convert(octets);
  absl::string_view rest = line_;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    if (end == absl::string_view::npos && rest.size() < (size_t{64} << 10)) break;
    const absl::string_view line =
        rest.substr(0, end == absl::string_view::npos ? end : end + 1);
    absl::Status added = line_begins_ && NeedsQuoting(line) ? Add(">") : absl::OkStatus();
    if (added.ok()) added = Add(line);
    if (!added.ok()) return added;
    line_begins_ = end != absl::string_view::npos;
    rest.remove_prefix(line.size());
  }
  line_ = std::string(rest);
  return absl::OkStatus();
}

absl::Status MboxExport::End() {
  absl::Status added = Data("");  // an empty message has its From_ line too
  line_ += lines_.Finish();
  if (added.ok() && !line_.empty()) {
    if (line_begins_ && NeedsQuoting(line_)) added = Add(">");
    if (added.ok()) added = Add(line_ + "\n");
  }
  if (added.ok()) added = Add("\n");
  if (!added.ok()) return added;
  whole_ = {row_->uid(), file_->octets() + buffer_.size()};
  if (++messages_ < kMessagesAtOnce && whole_.offset - durable_.offset < kOctetsBetween) {
    return absl::OkStatus();
  }
  return Checkpoint();
}

absl::Status MboxExport::Abandon() {
  if (whole_.offset > file_->octets()) {
    buffer_.resize(whole_.offset - file_->octets());
    return absl::OkStatus();
  }
  buffer_.clear();
  return file_->Truncate(whole_.offset);
}

absl::Status MboxExport::Checkpoint() {
  absl::Status status = file_->Write(std::exchange(buffer_, std::string()));
  if (status.ok()) status = file_->Sync();
  if (!status.ok()) return status;
  durable_ = whole_;
  messages_ = 0;
  return WriteState();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExportSink>> NewMboxExport(const std::string& directory) {
  absl::Status made = MakeDirectories(directory);
  if (!made.ok()) return made;
  return std::make_unique<MboxExport>(directory);
}

}  // namespace restante::ctl
