// The queue and the writer of log lines; what a line looks like is log_lines.h.
#include "common/log.h"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/log_lines.h"

namespace restante {
namespace {

constexpr size_t kWriteOctets = 65536;

// How long the writer rests when the queue is empty. To wake a waiting thread costs the
// one that logs, and with it a mail session, several times what the line itself does;
// lines that come during the rest wake nobody and leave in one write.
constexpr std::chrono::milliseconds kRest(5);

void WriteAll(absl::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = write(STDERR_FILENO, octets.data(), octets.size());
    if (written < 0 && errno == EAGAIN) {
      pollfd ready = {STDERR_FILENO, POLLOUT, 0};
      poll(&ready, 1, -1);
      continue;
    }
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

  // The pool whose thread calls this sink; it joins that thread before it goes.
  void AttachTo(spdlog::details::thread_pool* pool) { pool_ = pool; }

 protected:
  void sink_it_(const spdlog::details::log_msg& line) override {
    buffer_.append(line.payload.data(), line.payload.size());
    if (const size_t dropped = pool_->overrun_counter(); dropped > reported_) {
      absl::StrAppend(&buffer_, DroppedLine(format_, dropped - reported_));
      reported_ = dropped;
    }
    if (pool_->queue_size() == 0) {
      flush_();
      std::this_thread::sleep_for(kRest);
    } else if (buffer_.size() >= kWriteOctets) {
      flush_();
    }
  }

  void flush_() override {
    WriteAll(buffer_);
    buffer_.clear();
  }

 private:
  const LogFormat format_;
  spdlog::details::thread_pool* pool_ = nullptr;
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
    sink_->AttachTo(pool_.get());
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
  Emit(PlainTextLine(level, component, message));
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
