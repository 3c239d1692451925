#include "plugins/lmtpd/replies.h"

#include <charconv>

#include "common/errors.h"

namespace restante::lmtp {

void AppendReply(std::string* out, const Reply& reply) {
  char code[8];
  const auto end = std::to_chars(code, code + sizeof(code), reply.code).ptr;
  out->append(code, end);
  out->push_back(' ');
  if (!reply.enhanced.empty()) {
    out->append(reply.enhanced);
    out->push_back(' ');
  }
  out->append(reply.text);
  out->append("\r\n");
}

Reply ReplyOf(const absl::Status& status, const Reply& success) {
  if (status.ok()) return success;
  const ClientReply& reply = ReplyFor(status);
  return {reply.lmtp_code,
          {reply.lmtp_enhanced.data(), reply.lmtp_enhanced.size()},
          {reply.lmtp_text.data(), reply.lmtp_text.size()}};
}

}  // namespace restante::lmtp
