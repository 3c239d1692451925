// How single values are spelled in configuration files: durations, sizes, enums. What
// config.cc and config_writer.cc share; programs use config.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"

namespace restante {

// "250ms", "10s", "5m", "1h30m", "7d"; not negative, finite.
std::optional<absl::Duration> ParseConfigDuration(absl::string_view text);
// The shortest such spelling that is exact.
std::string FormatConfigDuration(absl::Duration duration);

// "1048576", "64KiB", "100MB", "1.5GiB" when that is a whole number of octets.
std::optional<uint64_t> ParseConfigOctets(absl::string_view text);
// In the largest binary unit that divides it: "64KiB", "1000".
std::string FormatConfigOctets(uint64_t octets);

// LOG_LEVEL_INFO of enum LogLevel is "info".
std::string EnumValueWord(const google::protobuf::EnumValueDescriptor& value);
// All words but that of value 0, which stands for "not set".
std::vector<std::string> EnumWords(const google::protobuf::EnumDescriptor& type);

// The one of `candidates` that `word` was probably meant to be, if any is near.
std::optional<std::string> Nearest(absl::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace restante
