// Reads YAML into messages: the tree of keys and where in the file they stand. What a
// single value may be is config_scalars.h; writing is config_writer.cc.
#include "common/config.h"

#include <unistr.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/config_scalars.h"
#include "common/config_values.h"

namespace restante {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// A file is small; nesting this deep is an attack or an accident.
constexpr int kMaxDepth = 16;

std::vector<std::string> KnownKeys(const Descriptor& type) {
  std::vector<std::string> keys;
  keys.reserve(static_cast<size_t>(type.field_count()));
  for (int i = 0; i < type.field_count(); ++i) keys.push_back(type.field(i)->name());
  return keys;
}

// The first octet that isn't UTF-8. yaml-cpp takes any, and writes another one.
std::optional<YAML::Mark> FirstNotUtf8(const std::string& text) {
  const auto* octets = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* bad = u8_check(octets, text.size());
  if (bad == nullptr) return std::nullopt;
  YAML::Mark mark;
  const auto* line = octets;
  for (const auto* at = octets; at != bad; ++at) {
    if (*at != '\n') continue;
    ++mark.line;
    line = at + 1;
  }
  mark.pos = static_cast<int>(bad - octets);
  mark.column = static_cast<int>(bad - line);
  return mark;
}

constexpr absl::string_view kNotUtf8 = "not UTF-8; configuration is written in UTF-8";

std::string Kind(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (node.IsNull()) return "nothing";
  return absl::StrCat("'", node.Scalar(), "'");
}

class Reader {
 public:
  enum class Positions { kShown, kMeaningless };

  explicit Reader(std::string name, Positions positions = Positions::kShown)
      : name_(std::move(name)), positions_(positions) {}

  absl::Status ReadDocument(const YAML::Node& root, Message* config) {
    if (!root.IsDefined() || root.IsNull()) return absl::OkStatus();
    if (!root.IsMap()) {
      return ErrorAt(root.Mark(),
                     absl::StrCat("expected keys ('key: value'), found ", Kind(root)));
    }
    return ReadMessage(root, "", 0, config);
  }

  absl::Status ErrorAt(const YAML::Mark& mark, absl::string_view message) const {
    if (mark.is_null() || positions_ == Positions::kMeaningless)
      return absl::InvalidArgumentError(absl::StrCat(name_, ": ", message));
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ":", mark.line + 1, ":", mark.column + 1, ": ", message));
  }

 private:
  absl::Status KeyError(const YAML::Node& node, const std::string& key,
                        absl::string_view message) const {
    return ErrorAt(node.Mark(), absl::StrCat("key '", key, "': ", message));
  }

  absl::Status Expected(const YAML::Node& node, const std::string& key,
                        absl::string_view what) const {
    return KeyError(node, key, absl::StrCat("expected ", what, ", found ", Kind(node)));
  }

  absl::Status ReadMessage(const YAML::Node& map, const std::string& path, int depth,
                           Message* message) {
    if (depth > kMaxDepth) return KeyError(map, path, "nested too deeply");
    const Descriptor& type = *message->GetDescriptor();
    std::set<std::string> seen;
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) {
        return ErrorAt(entry.first.Mark(),
                       absl::StrCat("a key must be a word, found ", Kind(entry.first)));
      }
      const std::string& name = entry.first.Scalar();
      const std::string key = path.empty() ? name : absl::StrCat(path, ".", name);
      const FieldDescriptor* const field = type.FindFieldByName(name);
      if (field == nullptr) return UnknownKey(entry.first, key, name, type);
      if (!seen.insert(name).second) return KeyError(entry.first, key, "given twice");
      absl::Status status = ReadField(entry.second, key, depth, *field, message);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status UnknownKey(const YAML::Node& node, const std::string& key,
                          const std::string& name, const Descriptor& type) const {
    const std::vector<std::string> known = KnownKeys(type);
    const std::optional<std::string> nearest = Nearest(name, known);
    return KeyError(
        node, key,
        absl::StrCat("unknown", nearest ? ", did you mean '" : "", nearest.value_or(""),
                     nearest ? "'?" : ";", " known keys here: ", absl::StrJoin(known, ", ")));
  }

  absl::Status ReadField(const YAML::Node& node, const std::string& key, int depth,
                         const FieldDescriptor& field, Message* message) {
    const Reflection& set = *message->GetReflection();
    if (field.is_repeated()) {
      if (!node.IsSequence()) return Expected(node, key, "a list ('[one, two]')");
      set.ClearField(message, &field);
      int index = 0;
      for (const YAML::Node& element : node) {
        const std::string element_key = absl::StrCat(key, "[", index++, "]");
        absl::Status status = ReadValue(element, element_key, depth, field, message);
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    }
    // "section:" with all its keys commented out changes nothing.
    const bool section = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                         field.message_type()->full_name() != "google.protobuf.Duration";
    if (section && node.IsNull()) return absl::OkStatus();
    return ReadValue(node, key, depth, field, message);
  }

  absl::Status ReadValue(const YAML::Node& node, const std::string& key, int depth,
                         const FieldDescriptor& field, Message* message) {
    const Reflection& set = *message->GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message* const inner = field.is_repeated() ? set.AddMessage(message, &field)
                                                 : set.MutableMessage(message, &field);
      if (field.message_type()->full_name() == "google.protobuf.Duration") {
        return ReadDuration(node, key, inner);
      }
      if (!node.IsMap()) return Expected(node, key, "a section with keys of its own");
      return ReadMessage(node, key, depth + 1, inner);
    }
    if (!node.IsScalar()) return Expected(node, key, WantedScalar(field));
    const absl::Status status = SetScalar(node.Scalar(), field, message);
    return status.ok() ? status : KeyError(node, key, status.message());
  }

  absl::Status ReadDuration(const YAML::Node& node, const std::string& key, Message* message) {
    const std::optional<absl::Duration> duration =
        node.IsScalar() ? ParseConfigDuration(node.Scalar()) : std::nullopt;
    if (!duration) return Expected(node, key, "a duration such as 250ms, 10s, 5m, 1h or 7d");
    message->CopyFrom(ToProto(*duration));
    return absl::OkStatus();
  }

  const std::string name_;
  const Positions positions_;
};

// All or nothing: *config changes only when the whole document was right.
absl::Status MergeNode(const YAML::Node& root, Reader reader, Message* config) {
  const std::unique_ptr<Message> merged(config->New());
  merged->CopyFrom(*config);
  absl::Status status = reader.ReadDocument(root, merged.get());
  if (status.ok()) config->CopyFrom(*merged);
  return status;
}

}  // namespace

absl::Status ParseYaml(const std::string& text, const std::string& name, Message* config) {
  if (const auto bad = FirstNotUtf8(text)) return Reader(name).ErrorAt(*bad, kNotUtf8);
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      return Reader(name).ErrorAt(documents[1].Mark(),
                                  "a second YAML document; one is expected");
    }
    if (documents.empty()) return absl::OkStatus();
    return MergeNode(documents.front(), Reader(name), config);
  } catch (const YAML::Exception& error) {
    return Reader(name).ErrorAt(error.mark, absl::StrCat("not valid YAML: ", error.msg));
  }
}

absl::Status LoadYaml(const std::string& path, Message* config) {
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  // Reading is what finds out that the path is a directory.
  if (file && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (errno != 0 || !file.is_open()) {
    return absl::NotFoundError(absl::StrCat("configuration file '", path, "' can't be read: ",
                                            std::generic_category().message(errno)));
  }
  return ParseYaml(text.str(), path, config);
}

absl::Status ApplyOverride(const std::string& assignment, Message* config) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", assignment, "' isn't an override; write key.path=value"));
  }
  if (FirstNotUtf8(assignment).has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("--set: ", kNotUtf8));
  }
  try {
    YAML::Node node = YAML::Load(assignment.substr(equals + 1));
    std::vector<std::string> keys = absl::StrSplit(assignment.substr(0, equals), '.');
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
      YAML::Node outer(YAML::NodeType::Map);
      outer[*key] = node;
      node = outer;
    }
    return MergeNode(node,
                     Reader(absl::StrCat("--set ", assignment.substr(0, equals)),
                            Reader::Positions::kMeaningless),
                     config);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", assignment, ": not valid YAML: ", error.msg));
  }
}

absl::Status ConfigError(absl::string_view key, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("key '", key, "': ", message));
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration result;
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  result.set_seconds(seconds);
  result.set_nanos(static_cast<int32_t>(duration / absl::Nanoseconds(1)));
  return result;
}

}  // namespace restante
