#include "plugins/postfix/sessions.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log.h"
#include "plugins/postfix/protocols.h"

namespace restante::postfix {
namespace {

constexpr absl::string_view kLookupComponent = "mta-lookup";

// Postfix takes 100,000 octets of a socketmap's answer, and 4,096 of tcp_table's, each in
// up to three there.
constexpr size_t kMaxSocketmapValue = 99'000;
constexpr size_t kMaxTcpValue = 1'300;

// What a map says, or nothing if it says nothing of the address.
std::optional<std::string> ValueOf(Map map, const Answer& answer) {
  if (answer.recipient == nullptr) return std::nullopt;
  const Recipient& recipient = *answer.recipient;
  if (map == Map::kAliases) {
    if (recipient.alias.empty()) return std::nullopt;
    return absl::StrJoin(recipient.accounts, ", ");
  }
  // Postfix only looks whether there is one.
  return recipient.accounts.empty() ? "OK" : recipient.accounts.front();
}

void LogBroken(absl::string_view protocol) {
  LogWarning(kLookupComponent, "Not a client of this protocol", {{"protocol", protocol}});
}

// The next request, or false at the end of the connection.
template <typename Request>
asio::awaitable<bool> Next(StreamConnection& connection, Taken (*take)(std::string*, Request*),
                           Request* request, absl::string_view protocol) {
  while (true) {
    switch (take(&connection.input(), request)) {
      case Taken::kRequest:
        co_return true;
      case Taken::kBroken:
        LogBroken(protocol);
        co_return false;
      case Taken::kMore:
        break;
    }
    const bool more = co_await connection.Receive();
    if (!more) co_return false;
  }
}

std::optional<Map> MapNamed(std::string_view name) {
  if (name == "recipients") return Map::kRecipients;
  if (name == "aliases") return Map::kAliases;
  return std::nullopt;
}

std::string SocketmapAnswer(Map map, const Answer& answer) {
  if (answer.kind == Answer::Kind::kFailure) return SocketmapTemporary(answer.reply);
  const std::optional<std::string> value = ValueOf(map, answer);
  if (!value.has_value()) return SocketmapNotFound();
  if (value->size() > kMaxSocketmapValue) return SocketmapPermanent("too many addresses");
  return SocketmapFound(*value);
}

std::string TcpAnswer(Map map, const Answer& answer) {
  if (answer.kind == Answer::Kind::kFailure) return TcpTemporary(answer.reply);
  const std::optional<std::string> value = ValueOf(map, answer);
  if (!value.has_value()) return TcpNotFound();
  if (value->size() > kMaxTcpValue) return TcpTemporary("too many addresses for tcp_table");
  return TcpFound(*value);
}

std::string ActionFor(const Answer& answer, const PolicySettings& settings) {
  switch (answer.kind) {
    case Answer::Kind::kExists:
      return "DUNNO";
    case Answer::Kind::kFull:
      return settings.over_quota == config::OVER_QUOTA_REJECT ? "552 5.2.2 Mailbox full."
                                                              : "452 4.2.2 Mailbox full.";
    default:
      return answer.reply;
  }
}

}  // namespace

bool IsCovered(const PolicySettings& settings, std::string_view recipient) {
  if (settings.domains.empty()) return true;
  const size_t at = recipient.rfind('@');
  if (at == recipient.npos) return false;
  std::string domain(recipient.substr(at + 1));
  absl::AsciiStrToLower(&domain);
  return std::find(settings.domains.begin(), settings.domains.end(), domain) !=
         settings.domains.end();
}

asio::awaitable<void> ServeSocketmap(StreamConnection& connection, Directory& directory) {
  while (true) {
    SocketmapRequest request;
    bool open = co_await Next(connection, &TakeSocketmap, &request, "socketmap");
    if (!open) co_return;
    const std::optional<Map> map = MapNamed(request.map);
    std::string answer = SocketmapPermanent("no such map: there are recipients and aliases");
    if (map.has_value()) {
      const Answer found =
          co_await directory.Find(connection.executor(), std::move(request.key));
      answer = SocketmapAnswer(*map, found);
    }
    open = co_await connection.Send(std::move(answer));
    if (!open) co_return;
  }
}

asio::awaitable<void> ServeTcpTable(StreamConnection& connection, Directory& directory,
                                    Map map) {
  while (true) {
    TcpRequest request;
    bool open = co_await Next(connection, &TakeTcp, &request, "tcp_table");
    if (!open) co_return;
    std::string answer = TcpNotFound();
    if (request.get) {
      const Answer found =
          co_await directory.Find(connection.executor(), std::move(request.key));
      answer = TcpAnswer(map, found);
    }
    open = co_await connection.Send(std::move(answer));
    if (!open) co_return;
  }
}

asio::awaitable<void> ServePolicy(StreamConnection& connection, Directory& directory,
                                  const PolicySettings& settings) {
  while (true) {
    PolicyRequest request;
    bool open = co_await Next(connection, &TakePolicy, &request, "policy");
    if (!open) co_return;
    if (request.request != "smtpd_access_policy") {
      LogBroken("policy");
      co_return;
    }
    std::string action = "DUNNO";
    if (!request.recipient.empty() && IsCovered(settings, request.recipient)) {
      const Answer found = co_await directory.FindRoom(
          connection.executor(), std::move(request.recipient), request.size);
      action = ActionFor(found, settings);
    }
    open = co_await connection.Send(PolicyAction(action));
    if (!open) co_return;
  }
}

}  // namespace restante::postfix
