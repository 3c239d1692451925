// Log lines: what every part of Restante writes for operators. A line has a time,
// a level, a component, an event and fields; it leaves on stderr as text or as one
// JSON object. Nothing here rotates or ships logs: that is the supervisor's.
//
// All functions may be called from any thread. A call formats its line and puts it
// into a bounded queue; a thread of the log's own writes it, at most some milliseconds
// later. When the queue is full the oldest lines are dropped and counted, and a later
// line tells how many: a log that nobody drains never holds up a mail session.
//
// Never pass a password or any part of a message.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace restante {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  // Lines that may wait for the writer.
  size_t queue_lines = 8192;
};

// One field of a line. The key must outlive the call; a number stays a number in
// JSON. "time", "level", "component", "event" and "message" are taken.
struct LogField {
  LogField(absl::string_view key, std::string value) : key(key), value(std::move(value)) {}
  LogField(absl::string_view key, absl::string_view value) : key(key), value(value) {}
  LogField(absl::string_view key, std::string_view value) : key(key), value(value) {}
  LogField(absl::string_view key, const char* value) : key(key), value(value) {}
  LogField(absl::string_view key, const absl::Status& status)
      : key(key), value(status.ToString(absl::StatusToStringMode::kWithNoExtraData)) {}
  template <typename T>
  requires std::integral<T> LogField(absl::string_view key, T number) : key(key), bare(true) {
    if constexpr (std::is_same_v<T, bool>) {
      value = number ? "true" : "false";
    } else {
      value = std::to_string(number);
    }
  }

  absl::string_view key;
  std::string value;
  bool bare = false;
};

using LogFields = std::initializer_list<LogField>;

// In text, `2026-01-31T12:00:00.000000Z pop3-login: Info: Login user=a@b method=PLAIN`:
// values that aren't plain words are quoted, and octets outside printable ASCII are
// escaped, so that no value can forge a field or a line.
void LogDebug(absl::string_view component, absl::string_view event, LogFields fields = {});
void LogInfo(absl::string_view component, absl::string_view event, LogFields fields = {});
void LogWarning(absl::string_view component, absl::string_view event, LogFields fields = {});
void LogError(absl::string_view component, absl::string_view event, LogFields fields = {});

// A line whose text form is a sentence of its own, for tools that know its shape from
// another server: text prints `message` alone (control octets escaped), JSON has it as
// "message" beside the event and the fields. Values inside `message` go through
// EscapeForLog() first.
void LogMessage(LogLevel level, absl::string_view component, absl::string_view event,
                absl::string_view message, LogFields fields);

// `value` with backslash, quotes, angle brackets and everything outside 0x20 to 0x7E
// written as \xNN: safe between the delimiters of a plain message. At most `limit`
// octets of `value` are taken, "..." then says that there was more.
std::string EscapeForLog(absl::string_view value, size_t limit = 512);

// Whether a line of this level would be written: spares building costly fields.
bool LogEnabled(LogLevel level);

// Sets level and format, and starts the writer thread. Before the first call lines
// are written at once, as text, from INFO on. May be called again.
void ConfigureLogging(const LogConfig& config);

// Writes what is queued and ends the writer thread; later lines are written at once.
void StopLogging();

}  // namespace restante
