#include "common/log_lines.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace restante {
namespace {

std::string Timestamp() {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone());
}

absl::string_view TextLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "Debug";
    case LogLevel::kInfo:
      return "Info";
    case LogLevel::kWarning:
      return "Warning";
    case LogLevel::kError:
      return "Error";
  }
  return "Error";
}

absl::string_view JsonLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

bool Printable(unsigned char c) { return c >= 0x20 && c <= 0x7E; }

void AppendEscaped(unsigned char c, std::string* out) {
  absl::StrAppendFormat(out, "\\x%02x", c);
}

void AppendMessage(absl::string_view message, std::string* out) {
  for (const unsigned char c : message) {
    if (Printable(c)) {
      out->push_back(static_cast<char>(c));
    } else {
      AppendEscaped(c, out);
    }
  }
}

// A plain word as it is; anything that could be taken for more than one goes quoted.
void AppendValue(absl::string_view value, std::string* out) {
  bool plain = !value.empty();
  for (const unsigned char c : value) {
    if (!Printable(c) || c == ' ' || c == '"' || c == '\\' || c == '=') plain = false;
  }
  if (plain) {
    absl::StrAppend(out, value);
    return;
  }
  out->push_back('"');
  for (const unsigned char c : value) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(static_cast<char>(c));
    } else if (c == '\n') {
      out->append("\\n");
    } else if (c == '\r') {
      out->append("\\r");
    } else if (c == '\t') {
      out->append("\\t");
    } else if (Printable(c)) {
      out->push_back(static_cast<char>(c));
    } else {
      AppendEscaped(c, out);
    }
  }
  out->push_back('"');
}

std::string TextPrefix(LogLevel level, absl::string_view component) {
  std::string line = Timestamp();
  line.push_back(' ');
  AppendMessage(component, &line);
  absl::StrAppend(&line, ": ", TextLevel(level), ": ");
  return line;
}

void AppendJson(absl::string_view key, absl::string_view value, bool bare, std::string* out) {
  using nlohmann::json;
  const auto quoted = [](absl::string_view text) {
    return json(std::string(text)).dump(-1, ' ', true, json::error_handler_t::replace);
  };
  absl::StrAppend(out, out->empty() ? "{" : ",", quoted(key), ":",
                  bare ? std::string(value) : quoted(value));
}

}  // namespace

std::string TextLine(LogLevel level, absl::string_view component, absl::string_view event,
                     LogFields fields) {
  std::string line = TextPrefix(level, component);
  AppendMessage(event, &line);
  for (const LogField& field : fields) {
    line.push_back(' ');
    AppendMessage(field.key, &line);
    line.push_back('=');
    AppendValue(field.value, &line);
  }
  line.push_back('\n');
  return line;
}

std::string PlainTextLine(LogLevel level, absl::string_view component,
                          absl::string_view message) {
  std::string line = TextPrefix(level, component);
  AppendMessage(message, &line);
  line.push_back('\n');
  return line;
}

std::string JsonLine(LogLevel level, absl::string_view component, absl::string_view event,
                     const absl::string_view* message, LogFields fields) {
  std::string line;
  AppendJson("time", Timestamp(), false, &line);
  AppendJson("level", JsonLevel(level), false, &line);
  AppendJson("component", component, false, &line);
  AppendJson("event", event, false, &line);
  if (message != nullptr) AppendJson("message", *message, false, &line);
  for (const LogField& field : fields) AppendJson(field.key, field.value, field.bare, &line);
  absl::StrAppend(&line, "}\n");
  return line;
}

std::string EscapeForLog(absl::string_view value, size_t limit) {
  std::string out;
  for (const unsigned char c : value.substr(0, limit)) {
    const bool delimiter = c == '\\' || c == '"' || c == '\'' || c == '<' || c == '>';
    if (Printable(c) && !delimiter) {
      out.push_back(static_cast<char>(c));
    } else {
      AppendEscaped(c, &out);
    }
  }
  if (value.size() > limit) out.append("...");
  return out;
}

}  // namespace restante
