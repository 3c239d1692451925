// What a log line looks like, as text and as JSON. Each ends with a line feed and holds
// no other one, whatever is in the values. Where lines go is log.cc.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/log.h"

namespace restante {

// `TIME COMPONENT: Level: event key=value key="quoted value"`.
std::string TextLine(LogLevel level, absl::string_view component, absl::string_view event,
                     LogFields fields);

// `TIME COMPONENT: Level: message`.
std::string PlainTextLine(LogLevel level, absl::string_view component,
                          absl::string_view message);

// One JSON object; `message` may be null.
std::string JsonLine(LogLevel level, absl::string_view component, absl::string_view event,
                     const absl::string_view* message, LogFields fields);

}  // namespace restante
