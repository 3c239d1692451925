// Single values of a configuration file, checked against the field that takes them.
// Knows neither YAML nor positions: config.cc adds those to the errors.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace restante {

// What to write for the field, in words: "a whole number", "one of text, json".
std::string WantedScalar(const google::protobuf::FieldDescriptor& field);

// Sets the field of *message, or appends to it when it is repeated. The field isn't a
// message. Errors are INVALID_ARGUMENT and say what was found and what would be right.
absl::Status SetScalar(const std::string& text, const google::protobuf::FieldDescriptor& field,
                       google::protobuf::Message* message);

}  // namespace restante
