#include "plugins/lmtpd/trace_fields.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/net.h"

namespace restante::lmtp {
namespace {

absl::string_view AbslWord(std::string_view text) { return {text.data(), text.size()}; }

// A name that a client gave itself, as a header field may have it.
std::string HostWord(const std::string& name) {
  constexpr size_t kMaxOctets = 255;
  if (name.empty()) return "unknown";
  std::string word = name.substr(0, kMaxOctets);
  for (char& c : word) {
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                       std::string_view("-._:[]").find(c) != std::string_view::npos;
    if (!plain) c = '?';
  }
  return word;
}

// TCP-info of RFC 5321, section 4.4.
std::string ConnectionComment(const Client& client) {
  if (!client.endpoint.has_value()) return client.is_unix ? "local" : "unknown";
  std::string host = FormatHost(client.endpoint->address());
  host.resize(std::min(host.find('%'), host.size()));
  const bool v6 = host.find(':') != host.npos;
  return absl::StrCat(client.name.empty() ? "" : HostWord(client.name) + " ",
                      v6 ? "[IPv6:" : "[", host, "]");
}

// RFC 3848 and RFC 6531, section 4.3.
absl::string_view Protocol(bool tls, bool smtputf8) {
  if (smtputf8) return tls ? "UTF8LMTPS" : "UTF8LMTP";
  return tls ? "LMTPS" : "LMTP";
}

}  // namespace

TraceFields::TraceFields(const TraceSettings& settings, const std::string& sender,
                         const Facts& facts)
    : settings_(settings) {
  if (settings.return_path) return_path_ = absl::StrCat("Return-Path: <", sender, ">\r\n");
  if (!settings.received) return;
  received_ =
      absl::StrCat("Received: from ", HostWord(facts.client.helo), " (",
                   ConnectionComment(facts.client), ")\r\n\tby ", facts.hostname, " with ",
                   Protocol(facts.tls, facts.smtputf8), " id ", facts.request_id);
  date_ = absl::StrCat(
      ";\r\n\t", absl::FormatTime(absl::RFC1123_full, facts.time, absl::UTCTimeZone()), "\r\n");
}

std::string TraceFields::For(std::string_view recipient) const {
  std::string fields = return_path_;
  if (settings_.delivered_to) {
    absl::StrAppend(&fields, "Delivered-To: ", AbslWord(recipient), "\r\n");
  }
  if (settings_.received) {
    fields += received_;
    if (!recipient.empty()) absl::StrAppend(&fields, "\r\n\tfor <", AbslWord(recipient), ">");
    fields += date_;
  }
  return fields;
}

}  // namespace restante::lmtp
