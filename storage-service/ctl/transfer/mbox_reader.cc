#include "storage-service/ctl/transfer/mbox_reader.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

constexpr absl::string_view kInternalSubject =
    "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA";

bool IsBlankLine(absl::string_view line) { return line == "\n" || line == "\r\n"; }

}  // namespace

absl::StatusOr<MboxReader> MboxReader::Open(const std::string& path, MboxOptions options) {
  absl::StatusOr<LineReader> lines = LineReader::Open(path);
  if (!lines.ok()) return lines.status();
  MboxReader reader(*std::move(lines), path, options);
  absl::Status first = reader.ReadFromLine();
  if (!first.ok()) return first;
  return reader;
}

absl::Status MboxReader::ReadFromLine() {
  absl::string_view line;
  const absl::StatusOr<bool> read = lines_.Next(&line);
  if (!read.ok()) return read.status();
  if (!*read || AtFromLine(line)) return absl::OkStatus();
  return RefusedError(absl::StrCat(path_, " isn't an mbox: at offset ", lines_.offset(),
                                   " there is no line \"From SENDER DATE\""));
}

absl::Status MboxReader::Seek(uint64_t offset) {
  next_.reset();
  lines_.Seek(offset);
  absl::Status found = ReadFromLine();
  if (!found.ok()) return found;
  if (next_) return absl::OkStatus();
  return RefusedError(absl::StrCat(path_, " has become shorter while it was read"));
}

bool MboxReader::AtFromLine(absl::string_view line) {
  if (lines_.continues()) return false;
  const std::optional<absl::Time> received = ParseFromLine(line, options_.zone);
  if (!received) return false;
  next_.emplace();
  next_->offset = lines_.offset();
  next_->from_line = std::string(absl::StripTrailingAsciiWhitespace(line));
  next_->received = *received;
  return true;
}

absl::StatusOr<std::optional<MboxMessage>> MboxReader::Next(const Output& output) {
  if (!next_) return std::nullopt;
  MboxMessage message = *std::exchange(next_, std::nullopt);
  const Output counted = [&message, &output](absl::string_view octets) {
    message.octets += octets.size();
    return output(octets);
  };
  ended_ = false;
  absl::Status status = ReadHeader(&message, counted);
  if (status.ok() && !ended_) status = ReadBody(counted);
  if (!status.ok()) return status;
  return message;
}

absl::Status MboxReader::ReadHeader(MboxMessage* message, const Output& output) {
  std::string field;  // with its continuation lines
  const auto flush = [&]() -> absl::Status {
    if (field.empty()) return absl::OkStatus();
    if (IsMboxField(field)) ReadMboxField(field, &message->status);
    if (absl::StartsWith(field, kInternalSubject)) message->internal = true;
    const bool dropped = IsMboxField(field) && !options_.keep_status_fields;
    absl::Status given = dropped ? absl::OkStatus() : output(field);
    field.clear();
    return given;
  };
  while (true) {
    absl::string_view line;
    const absl::StatusOr<bool> read = lines_.Next(&line);
    if (!read.ok()) return read.status();
    ended_ = !*read;
    if (ended_ || IsBlankLine(line)) {
      absl::Status flushed = flush();
      return flushed.ok() && !ended_ ? output(line) : flushed;
    }
    const bool continued = lines_.continues() || line[0] == ' ' || line[0] == '\t';
    absl::Status flushed = continued ? absl::OkStatus() : flush();
    if (!flushed.ok()) return flushed;
    absl::StrAppend(&field,
                    line.substr(lines_.continues() ? 0 : QuotingOf(line, options_.quoting)));
    if (field.size() > (size_t{1} << 20)) {
      flushed = flush();
      if (!flushed.ok()) return flushed;
    }
  }
}

absl::Status MboxReader::ReadBody(const Output& output) {
  std::string blank;         // the line before, kept back: it may belong to no message
  bool behind_blank = true;  // the one that ended the header
  while (true) {
    absl::string_view line;
    const absl::StatusOr<bool> read = lines_.Next(&line);
    if (!read.ok()) return read.status();
    if (!*read || (behind_blank && AtFromLine(line))) return absl::OkStatus();
    absl::Status given = blank.empty() ? absl::OkStatus() : output(blank);
    if (!given.ok()) return given;
    blank.clear();
    behind_blank = !lines_.continues() && IsBlankLine(line);
    if (behind_blank) {
      blank = std::string(line);
      continue;
    }
    given = output(line.substr(lines_.continues() ? 0 : QuotingOf(line, options_.quoting)));
    if (!given.ok()) return given;
  }
}

}  // namespace restante::ctl
