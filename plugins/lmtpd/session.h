// One LMTP session: RFC 2033 over one connection, command by command. Parsing, the end
// of the message, the way to the storage service and the connection are others'.
//
// Pipelining (RFC 2920): commands are carried out in their order, and replies leave
// together when nothing more can be done without the client. Consecutive RCPTs that are
// there already are one question to the storage service.
//
// Used on one io_context's thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "asio/awaitable.hpp"
#include "common/network.h"
#include "plugins/lmtpd/client.h"
#include "plugins/lmtpd/connection.h"
#include "plugins/lmtpd/trace_fields.h"
#include "plugins/lmtpd/transaction.h"

namespace restante::lmtp {

struct SessionSettings {
  std::string hostname;
  uint64_t max_message_octets = 0;
  size_t max_recipients = 0;
  int max_bad_commands = 0;
  std::chrono::milliseconds command_timeout{0};
  std::chrono::milliseconds data_timeout{0};
  bool announce_dsn = false;
  TraceSettings trace_fields;
  // All sessions'; never null.
  RecipientSlots* recipient_slots = nullptr;

  // Null: no TLS.
  ServerTls* tls = nullptr;
  std::chrono::milliseconds tls_handshake_timeout{0};
  // What TCP clients need before they may say MAIL.
  bool require_tls = false;
  bool require_client_certificate = false;
  std::vector<std::string> client_certificate_names;

  // Whose connections begin with a PROXY header, and how long that may take.
  std::vector<Network> proxy_networks;
  std::chrono::milliseconds proxy_timeout{0};
  // A client that speaks TLS to the load balancer counts as one that speaks it here.
  bool trust_proxied_tls = false;
  // Who may tell by XCLIENT for whom it speaks.
  std::vector<Network> xclient_networks;
};

class Session {
 public:
  // Settings and storage must outlive it.
  Session(Arrival arrival, const SessionSettings& settings, StorageAccess& storage);

  // Serves the client until it goes, or has to.
  asio::awaitable<void> Run();

  // Shutting down: no further transaction. One that is under way goes on.
  void Drain();

  // Shutting down, and out of patience: ends the session where it stands.
  void Abort();

 private:
  // What comes before the first command. After a failure the session is closing.
  asio::awaitable<void> Open();
  asio::awaitable<bool> TakeProxyHeader();
  void Greet();
  asio::awaitable<bool> Handshake();

  // Sends what is to be said, then reads. False if the session has to end.
  asio::awaitable<bool> Refill(std::chrono::milliseconds within);
  asio::awaitable<void> AwaitCommand();

  // The commands. Those that suspend take their argument by value.
  asio::awaitable<void> CarryOut(Command command);
  asio::awaitable<void> StartTls();
  void Simple(const Command& command);
  void Lhlo(std::string_view argument);
  void Xclient(std::string_view argument);
  void Mail(std::string_view argument);
  asio::awaitable<void> Rcpt();
  asio::awaitable<void> Data();
  asio::awaitable<void> Bdat(BdatArguments bdat);

  // A run of RCPTs, in their order; those without `refused` are to be asked for.
  struct RcptRun;
  RcptRun TakeRcpts();

  // The client's connection is protected, here or at a load balancer.
  bool Secure() const { return connection_.tls() != nullptr || proxied_tls_; }
  // What the connection lacks of what the settings ask for, or null.
  const Reply* MissingSecurity() const;

  void BeginMessage();
  TraceFields MakeFields() const;
  asio::awaitable<void> FinishMessage();
  void EndTransaction(absl::string_view why);

  void Say(const Reply& reply) { AppendReply(&connection_.output(), reply); }
  // For a command that can't be carried out: too many of them end the session.
  void Refuse(const Reply& reply);
  void CloseWith(const Reply& reply);
  v1::ClientInfo ClientInfo() const;

  Connection connection_;
  const bool implicit_tls_;
  // By the connection and the PROXY header; and as LHLO and XCLIENT have changed it.
  Client peer_;
  Client client_;
  const SessionSettings& settings_;
  StorageAccess& storage_;
  const std::string id_;

  bool behind_proxy_ = false;  // a PROXY header comes first
  bool proxied_tls_ = false;   // TLS ends at the load balancer, and that is believed
  bool certified_ = false;     // by the certificate that is required
  bool may_xclient_ = false;
  bool helo_told_ = false;  // by XCLIENT, over LHLO
  bool greeted_ = false;    // LHLO was given
  std::unique_ptr<Transaction> transaction_;
  int transactions_ = 0;
  int bad_commands_ = 0;

  // Waits for the client, which shutting down needn't.
  bool idle_ = false;
  bool draining_ = false;
  bool aborted_ = false;
  // Nothing more is read; what is to be said still is.
  bool closing_ = false;
  // The client can't be reached any more.
  bool lost_ = false;
};

}  // namespace restante::lmtp
