#include "common/config_scalars.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config_values.h"

namespace restante {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool IsSize(const FieldDescriptor& field) {
  return field.name() == "octets" || absl::EndsWith(field.name(), "_octets");
}

absl::Status Unexpected(const std::string& text, const FieldDescriptor& field) {
  return absl::InvalidArgumentError(
      absl::StrCat("expected ", WantedScalar(field), ", found '", text, "'"));
}

const EnumValueDescriptor* FindEnum(const EnumDescriptor& type, const std::string& word) {
  for (int i = 0; i < type.value_count(); ++i) {
    const EnumValueDescriptor& value = *type.value(i);
    if (value.number() != 0 && EnumValueWord(value) == word) return &value;
  }
  return nullptr;
}

// The number, or an error that tells the range of Integer.
template <typename Integer>
absl::StatusOr<Integer> Number(const std::string& text, const FieldDescriptor& field) {
  using Limits = std::numeric_limits<Integer>;
  if (IsSize(field)) {
    const std::optional<uint64_t> octets = ParseConfigOctets(text);
    if (!octets) return Unexpected(text, field);
    if (*octets <= static_cast<uint64_t>(Limits::max())) return static_cast<Integer>(*octets);
  } else {
    const size_t sign = absl::StartsWith(text, "-") ? 1 : 0;
    if (sign == text.size() || text.find_first_not_of("0123456789", sign) != text.npos) {
      return Unexpected(text, field);
    }
    Integer value = 0;
    if (absl::SimpleAtoi(text, &value)) return value;
  }
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is out of range, which is ",
                                                 Limits::min(), " to ", Limits::max()));
}

// Parses and stores one integer; Set and Add are the reflection's for this type.
template <typename Integer>
absl::Status SetInteger(const std::string& text, const FieldDescriptor& field, Message* message,
                        void (Reflection::*set)(Message*, const FieldDescriptor*, Integer)
                            const,
                        void (Reflection::*add)(Message*, const FieldDescriptor*, Integer)
                            const) {
  const absl::StatusOr<Integer> value = Number<Integer>(text, field);
  if (!value.ok()) return value.status();
  const Reflection& fields = *message->GetReflection();
  (fields.*(field.is_repeated() ? add : set))(message, &field, *value);
  return absl::OkStatus();
}

absl::Status SetFloating(const std::string& text, const FieldDescriptor& field,
                         Message* message) {
  const Reflection& set = *message->GetReflection();
  const bool add = field.is_repeated();
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value) ||
      std::abs(value) > std::numeric_limits<float>::max()) {
    return Unexpected(text, field);
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
    add ? set.AddDouble(message, &field, value) : set.SetDouble(message, &field, value);
  } else {
    const float narrow = static_cast<float>(value);
    add ? set.AddFloat(message, &field, narrow) : set.SetFloat(message, &field, narrow);
  }
  return absl::OkStatus();
}

}  // namespace

std::string WantedScalar(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return "a text";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat("one of ", absl::StrJoin(EnumWords(*field.enum_type()), ", "));
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return "a number";
    default:
      return IsSize(field) ? "a size in octets such as 65536, 64KiB or 100MB"
                           : "a whole number";
  }
}

absl::Status SetScalar(const std::string& text, const FieldDescriptor& field,
                       Message* message) {
  const Reflection& set = *message->GetReflection();
  const bool add = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      add ? set.AddString(message, &field, text) : set.SetString(message, &field, text);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL: {
      if (text != "true" && text != "false") return Unexpected(text, field);
      const bool value = text == "true";
      add ? set.AddBool(message, &field, value) : set.SetBool(message, &field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* const value = FindEnum(*field.enum_type(), text);
      if (value == nullptr) return Unexpected(text, field);
      add ? set.AddEnum(message, &field, value) : set.SetEnum(message, &field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return SetFloating(text, field, message);
    case FieldDescriptor::CPPTYPE_INT32:
      return SetInteger<int32_t>(text, field, message, &Reflection::SetInt32,
                                 &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return SetInteger<int64_t>(text, field, message, &Reflection::SetInt64,
                                 &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return SetInteger<uint32_t>(text, field, message, &Reflection::SetUInt32,
                                  &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return SetInteger<uint64_t>(text, field, message, &Reflection::SetUInt64,
                                  &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return absl::InternalError("a section isn't a single value");
}

}  // namespace restante
