// Writes the effective configuration as YAML: the other half of config.cc.
#include <yaml-cpp/yaml.h>

#include <string>

#include "absl/strings/match.h"
#include "common/config.h"
#include "common/config_values.h"

namespace restante {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void EmitMessage(const Message& message, YAML::Emitter* out);

bool IsDuration(const Descriptor& type) {
  return type.full_name() == "google.protobuf.Duration";
}

void EmitSubmessage(const Message& message, YAML::Emitter* out) {
  if (IsDuration(*message.GetDescriptor())) {
    google::protobuf::Duration duration;
    duration.CopyFrom(message);
    *out << FormatConfigDuration(FromProto(duration));
    return;
  }
  EmitMessage(message, out);
}

template <typename Integer>
void EmitInteger(const FieldDescriptor& field, Integer value, YAML::Emitter* out) {
  if ((field.name() == "octets" || absl::EndsWith(field.name(), "_octets")) && value >= 0) {
    *out << FormatConfigOctets(static_cast<uint64_t>(value));
  } else {
    *out << value;
  }
}

// The field's value, or the one at `index` of a repeated field.
void EmitValue(const Message& message, const FieldDescriptor& field, int index,
               YAML::Emitter* out) {
  const Reflection& get = *message.GetReflection();
  const bool repeated = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      EmitSubmessage(repeated ? get.GetRepeatedMessage(message, &field, index)
                              : get.GetMessage(message, &field),
                     out);
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      *out << YAML::DoubleQuoted
           << (repeated ? get.GetRepeatedString(message, &field, index)
                        : get.GetString(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      *out << (repeated ? get.GetRepeatedBool(message, &field, index)
                        : get.GetBool(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      *out << EnumValueWord(repeated ? *get.GetRepeatedEnum(message, &field, index)
                                     : *get.GetEnum(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      EmitInteger(field,
                  repeated ? get.GetRepeatedInt32(message, &field, index)
                           : get.GetInt32(message, &field),
                  out);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      EmitInteger(field,
                  repeated ? get.GetRepeatedInt64(message, &field, index)
                           : get.GetInt64(message, &field),
                  out);
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      EmitInteger(field,
                  repeated ? get.GetRepeatedUInt32(message, &field, index)
                           : get.GetUInt32(message, &field),
                  out);
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      EmitInteger(field,
                  repeated ? get.GetRepeatedUInt64(message, &field, index)
                           : get.GetUInt64(message, &field),
                  out);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      *out << (repeated ? get.GetRepeatedDouble(message, &field, index)
                        : get.GetDouble(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      *out << (repeated ? get.GetRepeatedFloat(message, &field, index)
                        : get.GetFloat(message, &field));
      break;
  }
}

// Whether the field says nothing: a message or enum that isn't set has no spelling
// that ParseYaml would take back.
bool Absent(const Message& message, const FieldDescriptor& field) {
  const Reflection& get = *message.GetReflection();
  if (field.is_repeated()) return false;
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    return get.GetEnum(message, &field)->number() == 0;
  }
  return field.has_presence() && !get.HasField(message, &field) &&
         (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
          IsDuration(*field.message_type()));
}

void EmitMessage(const Message& message, YAML::Emitter* out) {
  const Descriptor& type = *message.GetDescriptor();
  *out << YAML::BeginMap;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (Absent(message, field)) continue;
    *out << YAML::Key << field.name() << YAML::Value;
    if (!field.is_repeated()) {
      EmitValue(message, field, 0, out);
      continue;
    }
    const int size = message.GetReflection()->FieldSize(message, &field);
    // An empty list on the line of its key.
    if (size == 0) *out << YAML::Flow;
    *out << YAML::BeginSeq;
    for (int index = 0; index < size; ++index) EmitValue(message, field, index, out);
    *out << YAML::EndSeq;
  }
  *out << YAML::EndMap;
}

}  // namespace

std::string ToYaml(const Message& config) {
  YAML::Emitter out;
  EmitMessage(config, &out);
  return std::string(out.c_str()) + "\n";
}

}  // namespace restante
