// Configuration files: YAML merged over a protobuf message that already holds the
// program's defaults. The message is the schema: an unknown key, a wrong type, a
// number out of range or a key given twice is refused. Checks across keys are the
// program's own (see ProgramSpec in common/program.h).
//
// Values: google.protobuf.Duration fields take "250ms", "10s", "5m", "1h30m", "7d";
// integer fields named octets or *_octets also take "64KiB", "100MB" (KiB is 1024, kB is 1000);
// enums are written in lower case without their common prefix ("info" for
// LOG_LEVEL_INFO); repeated fields are lists, and a list replaces the default one.
//
// Functions without state; safe to call from several threads on different messages.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/message.h"

namespace restante {

// Merges a file over *config. Errors are INVALID_ARGUMENT (NOT_FOUND when the file
// can't be read) and read "FILE:LINE:COLUMN: key 'a.b': what is wrong, what would be
// right". An empty file changes nothing. After an error *config is unchanged.
absl::Status LoadYaml(const std::string& path, google::protobuf::Message* config);

// The same for text; `name` stands for the file in errors.
absl::Status ParseYaml(const std::string& text, const std::string& name,
                       google::protobuf::Message* config);

// Applies one override, "key.path=value", with the value read as YAML (so that
// "listen=[a, b]" is a list).
absl::Status ApplyOverride(const std::string& assignment, google::protobuf::Message* config);

// The whole effective configuration as YAML that ParseYaml takes back unchanged.
std::string ToYaml(const google::protobuf::Message& config);

// The error for a check that fails after parsing: "key 'a.b': message".
absl::Status ConfigError(absl::string_view key, absl::string_view message);

absl::Duration FromProto(const google::protobuf::Duration& duration);
google::protobuf::Duration ToProto(absl::Duration duration);

}  // namespace restante
