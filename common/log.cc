#include "common/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace restante {
namespace {

constexpr size_t kWriteOctets = 64 * 1024;

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

void AppendJson(absl::string_view key, absl::string_view value, bool bare, std::string* out) {
  using nlohmann::json;
  const auto quoted = [](absl::string_view text) {
    return json(std::string(text)).dump(-1, ' ', true, json::error_handler_t::replace);
  };
  absl::StrAppend(out, out->empty() ? "{" : ",", quoted(key), ":",
                  bare ? std::string(value) : quoted(value));
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

void WriteAll(absl::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = write(STDERR_FILENO, octets.data(), octets.size());
    if (written < 0) {
      // A log that can't be written mustn't end the service.
      if (errno != EINTR) return;
      continue;
    }
    octets.remove_prefix(static_cast<size_t>(written));
  }
}

std::string DroppedLine(LogFormat format, size_t dropped) {
  const LogFields fields = {{"lines", dropped}};
  constexpr absl::string_view kEvent = "Log lines dropped, stderr is too slow";
  return format == LogFormat::kJson
             ? JsonLine(LogLevel::kWarning, "log", kEvent, nullptr, fields)
             : TextLine(LogLevel::kWarning, "log", kEvent, fields);
}

// Gathers what is queued into few writes, and tells what the queue had to drop. Runs
// on the pool's only thread.
class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit StderrSink(LogFormat format) : format_(format) {}

  void AttachTo(std::weak_ptr<spdlog::details::thread_pool> pool) { pool_ = std::move(pool); }

 protected:
  void sink_it_(const spdlog::details::log_msg& line) override {
    buffer_.append(line.payload.data(), line.payload.size());
    size_t waiting = 0;
    if (const auto pool = pool_.lock()) {
      waiting = pool->queue_size();
      if (const size_t dropped = pool->overrun_counter(); dropped > reported_) {
        absl::StrAppend(&buffer_, DroppedLine(format_, dropped - reported_));
        reported_ = dropped;
      }
    }
    if (waiting == 0 || buffer_.size() >= kWriteOctets) flush_();
  }

  void flush_() override {
    WriteAll(buffer_);
    buffer_.clear();
  }

 private:
  const LogFormat format_;
  std::weak_ptr<spdlog::details::thread_pool> pool_;
  std::string buffer_;
  size_t reported_ = 0;
};

// The queue and its writer thread. Destroying it writes what is queued.
class Writer {
 public:
  Writer(size_t queue_lines, LogFormat format)
      : sink_(std::make_shared<StderrSink>(format)),
        pool_(std::make_shared<spdlog::details::thread_pool>(queue_lines, 1)),
        logger_(std::make_shared<spdlog::async_logger>(
            "restante", sink_, pool_, spdlog::async_overflow_policy::overrun_oldest)) {
    sink_->AttachTo(pool_);
    logger_->set_level(spdlog::level::trace);
  }
  ~Writer() {
    logger_.reset();
    pool_.reset();
    sink_->flush();
  }

  void Write(const std::string& line) {
    logger_->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  std::shared_ptr<StderrSink> sink_;
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

// What stderr is to a process, the log is too: one. Never destroyed, because threads
// may log until the process has gone.
struct Log {
  std::atomic<LogLevel> level{LogLevel::kInfo};
  std::atomic<LogFormat> format{LogFormat::kText};
  absl::Mutex mutex;
  std::unique_ptr<Writer> writer ABSL_GUARDED_BY(mutex);
};

Log& TheLog() {
  static Log* const log = new Log;
  return *log;
}

void Emit(const std::string& line) {
  Log& log = TheLog();
  absl::ReaderMutexLock lock(&log.mutex);
  if (log.writer != nullptr) {
    log.writer->Write(line);
  } else {
    WriteAll(line);
  }
}

void LogAt(LogLevel level, absl::string_view component, absl::string_view event,
           LogFields fields) {
  if (!LogEnabled(level)) return;
  Emit(TheLog().format.load(std::memory_order_relaxed) == LogFormat::kJson
           ? JsonLine(level, component, event, nullptr, fields)
           : TextLine(level, component, event, fields));
}

}  // namespace

void LogDebug(absl::string_view component, absl::string_view event, LogFields fields) {
  LogAt(LogLevel::kDebug, component, event, fields);
}

void LogInfo(absl::string_view component, absl::string_view event, LogFields fields) {
  LogAt(LogLevel::kInfo, component, event, fields);
}

void LogWarning(absl::string_view component, absl::string_view event, LogFields fields) {
  LogAt(LogLevel::kWarning, component, event, fields);
}

void LogError(absl::string_view component, absl::string_view event, LogFields fields) {
  LogAt(LogLevel::kError, component, event, fields);
}

void LogMessage(LogLevel level, absl::string_view component, absl::string_view event,
                absl::string_view message, LogFields fields) {
  if (!LogEnabled(level)) return;
  if (TheLog().format.load(std::memory_order_relaxed) == LogFormat::kJson) {
    Emit(JsonLine(level, component, event, &message, fields));
    return;
  }
  std::string line = TextPrefix(level, component);
  AppendMessage(message, &line);
  line.push_back('\n');
  Emit(line);
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

bool LogEnabled(LogLevel level) {
  return level >= TheLog().level.load(std::memory_order_relaxed);
}

void ConfigureLogging(const LogConfig& config) {
  Log& log = TheLog();
  auto writer = std::make_unique<Writer>(config.queue_lines, config.format);
  log.level.store(config.level, std::memory_order_relaxed);
  log.format.store(config.format, std::memory_order_relaxed);
  absl::MutexLock lock(&log.mutex);
  log.writer = std::move(writer);
}

void StopLogging() {
  Log& log = TheLog();
  absl::MutexLock lock(&log.mutex);
  log.writer.reset();
}

}  // namespace restante
