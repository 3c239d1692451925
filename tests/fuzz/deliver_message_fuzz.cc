// restante-deliver's way to DATA: what it sends, restante-lmtpd reads as one whole message,
// which the store keeps as it would have kept what came through the pipe.
#include "plugins/deliver/message_encoder.h"
#include "plugins/lmtpd/data_decoder.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/stored_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante;
  const fuzz::Input input(data, size);
  deliver::MessageEncoder encoder;
  std::string sent;
  for (const std::string_view piece : input.Pieces()) {
    const size_t before = sent.size();
    encoder.Encode(piece, &sent);
    PROPERTY(sent.size() - before <= 3 * piece.size());
  }
  encoder.Finish(&sent);

  lmtp::DataDecoder decoder;
  std::string received;
  PROPERTY(decoder.Decode(sent, &received) == sent.size());
  PROPERTY(decoder.ended());
  PROPERTY(received == fuzz::Store({input.text()}).octets);

  const size_t line = deliver::FromLineLength(input.text());
  PROPERTY(line <= input.text().size());
  if (line > 0) {
    PROPERTY(deliver::FromLineSender(input.text().substr(0, line)).size() < line);
  }
  return 0;
}
