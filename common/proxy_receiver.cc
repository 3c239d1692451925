#include "common/proxy_receiver.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <cerrno>

namespace restante {

ProxyReceiver::Outcome ProxyReceiver::Receive(int socket, ProxyParse* parse) {
  constexpr size_t kAtOnce = 512;
  // Looked at first, so that nothing behind the header is taken.
  const size_t before = octets_.size();
  octets_.resize(before + kAtOnce);
  const ssize_t seen =
      ::recv(socket, octets_.data() + before, kAtOnce, MSG_PEEK | MSG_DONTWAIT);
  octets_.resize(before + static_cast<size_t>(std::max<ssize_t>(seen, 0)));
  if (seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    return Outcome::kMore;
  }
  if (seen <= 0) return Outcome::kOver;
  *parse = ParseProxyHeader(octets_);
  if (parse->outcome == ProxyParse::Outcome::kInvalid) return Outcome::kOver;
  const bool whole = parse->outcome == ProxyParse::Outcome::kHeader;
  const size_t own = (whole ? parse->length : octets_.size()) - before;
  if (::recv(socket, octets_.data() + before, own, MSG_DONTWAIT) != static_cast<ssize_t>(own)) {
    return Outcome::kOver;
  }
  return whole ? Outcome::kHeader : Outcome::kMore;
}

}  // namespace restante
