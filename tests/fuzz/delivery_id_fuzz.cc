// Delivery ids: whatever a message begins with, an id is bounded and printable, has the
// queue id in it, and doesn't change with what is put on top of the header.
#include "plugins/lmtpd/delivery_id.h"
#include "tests/fuzz/property.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::lmtp;
  const restante::fuzz::Input input(data, size);
  const std::string message(input.text());
  const std::string_view queue_id = QueueId(message);
  PROPERTY(queue_id.size() <= 128);

  const std::string id = DeliveryId("bob@example.net", message);
  PROPERTY(id.size() <= 255);
  for (const char c : id) PROPERTY(c > 0x20 && c < 0x7F);
  // Above a header; what begins with a blank would be a part of the line above.
  if (message.empty() || message.front() == ' ' || message.front() == '\t') return 0;
  PROPERTY(DeliveryId("bob@example.net", "Delivered-To: x\r\n" + message) == id);
  return 0;
}
