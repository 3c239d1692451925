// Configuration files: what is taken can be written and read again with the same
// meaning, and what is refused changes nothing and is told with its place.
#include "absl/strings/match.h"
#include "common/config.h"
#include "google/protobuf/util/message_differencer.h"
#include "pop3d/config.pb.h"
#include "tests/fuzz/property.h"

using google::protobuf::util::MessageDifferencer;
using restante::config::Pop3dConfig;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const restante::fuzz::Input input(data, size);
  const std::string text(input.text());
  Pop3dConfig before;
  before.set_implementation("Restante");
  before.set_max_connections(7);
  before.add_listen("127.0.0.1:110");
  Pop3dConfig config = before;
  const absl::Status status = restante::ParseYaml(text, "FILE", &config);
  if (!status.ok()) {
    PROPERTY(absl::StartsWith(status.message(), "FILE"));
    PROPERTY(MessageDifferencer::Equals(config, before));
  } else {
    Pop3dConfig again = before;
    PROPERTY(restante::ParseYaml(restante::ToYaml(config), "AGAIN", &again).ok());
    // A section that isn't there is written as an empty one.
    PROPERTY(MessageDifferencer::Equivalent(again, config));
  }
  Pop3dConfig overridden = before;
  if (!restante::ApplyOverride(text, &overridden).ok()) {
    PROPERTY(MessageDifferencer::Equals(overridden, before));
  }
  return 0;
}
