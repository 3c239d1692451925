// One client's session, as RFC 1939 tells it: AUTHORIZATION, TRANSACTION, UPDATE.
// The commands are in session_authorization.cc, session_sasl.cc, session_language.cc,
// session_transaction.cc, session_transfer.cc and session_update.cc; this file has the
// states.
//
// Messages are deleted by QUIT in TRANSACTION and by nothing else: however a
// session ends otherwise, its maildrop is closed as it was. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "asio/awaitable.hpp"
#include "asio/ip/tcp.hpp"
#include "pop3d/capabilities.h"
#include "pop3d/command.h"
#include "pop3d/connection.h"
#include "pop3d/languages.h"
#include "pop3d/limits.h"
#include "pop3d/link_port.h"
#include "pop3d/message_list.h"
#include "pop3d/message_marks.h"
#include "pop3d/replies.h"
#include "pop3d/retrieved_marks.h"
#include "pop3d/session_log.h"
#include "pop3d/settings.h"
#include "pop3d/transfer.h"
#include "pop3d/turnstile.h"

namespace restante::pop3 {

// What a session shares with the others of its thread; outlives it.
struct SessionEnvironment {
  const Settings& settings;
  LinkPort& link;
  Limits& limits;
  Farewells& farewells;
  // For QUITs that delete by many runs, whose requests are as large as that.
  Turnstile& large_commits;
  // Null where TLS isn't configured.
  ServerTls* tls = nullptr;
};

// How a connection came.
struct Arrival {
  // It begins with a handshake.
  bool implicit_tls = false;
  // Before that, a load balancer says whose it is.
  bool behind_proxy = false;
  // It has hit this limit, and is only told so.
  std::optional<Limit> refused;
  // What counts it among those of its address.
  AddressTable::Ticket ticket;
  // And one that is refused, among those that are told so.
  Farewells::Ticket farewell;
};

class Session {
 public:
  Session(const SessionEnvironment& environment, asio::ip::tcp::socket socket, Arrival arrival,
          SessionIdentity identity);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // From the greeting to the end of the connection.
  asio::awaitable<void> Run();

  // Ends the session because the server does, with a word to the client, which has a
  // moment to read it. A QUIT under way is completed.
  void EndForShutdown();
  // The same without that moment.
  void EndAtOnce();

 private:
  enum class State { kAuthorization, kTransaction, kUpdate, kClosed };

  // A maildrop that this session has open.
  struct Maildrop final : RowSource {
    Maildrop(LinkPort& link, LinkPort::OpenedMaildrop opened, Connection& connection);
    asio::awaitable<absl::StatusOr<v1::RowsResponse>> Rows(uint32_t after_uid,
                                                           uint32_t limit) override;
    // The response is in the output. Told to the service now and then, so that it isn't
    // lost with this process.
    void NoteRetrieved(uint32_t number, uint32_t uid);
    void TellRetrieved();
    LinkPort& link;
    Connection& connection;
    std::unique_ptr<HeldMaildrop> held;
    MessageList list;
    MessageMarks marks;
    RetrievedMarks retrieved;
    // Whether the policy asks for retrievals, and the service takes them at any time.
    const bool remembers_retrieval;
    const bool takes_retrievals;
    Deadline tell_due;
    v1::Pop3Announcement policy;
    Transfer transfer;
    // The message of the last RETR; 0 before the first.
    uint32_t last_retrieved = 0;
  };

  asio::awaitable<void> Greet();
  asio::awaitable<bool> TakeProxyHeader();
  void UseProxyHeader(const ProxyHeader& header);
  asio::awaitable<bool> Handshake();
  // Counts that a limit was hit, and says so in the log.
  void Hit(Limit limit, absl::string_view what = {});
  // The next line; nothing when the connection is over (and the state is kClosed).
  // What it returns is valid until the next one.
  asio::awaitable<std::optional<Line>> NextLine(LineLimit limit);
  // The next command; answers lines that are too long itself.
  asio::awaitable<std::optional<Command>> NextCommand(LineLimit limit);
  asio::awaitable<void> End();
  void Close(absl::string_view reason, bool gently = false);
  void TellAndClose(absl::string_view code, Text text, absl::string_view reason);
  // From outside the coroutine, between replies: what has been said is the last word.
  void TellAtOnceAndEnd(absl::string_view reason);
  void OnMaildropLost();

  // Replies. Refuse is for what the client did wrong, which it may do only so often;
  // Fail for what isn't its fault.
  std::string& out() { return connection_.output(); }
  void Ok(Text text) { AppendOk(TextIn(language_, text), &out()); }
  void Refuse(Text text, absl::string_view code = {});
  // A line, or a SASL response, over its limit.
  void RefuseLength(Text text);
  void Fail(absl::string_view code, Text text) {
    AppendError(code, TextIn(language_, text), &out());
  }
  void Fail(const absl::Status& status) { AppendError(status, language_, &out()); }

  // AUTHORIZATION.
  asio::awaitable<void> AuthorizationCommand();
  void User(absl::string_view argument);
  asio::awaitable<void> Pass(std::string password);
  asio::awaitable<void> Auth(std::string argument);
  asio::awaitable<std::optional<std::string>> SaslResponse();
  asio::awaitable<void> AuthPlain(std::string response, bool cut);
  asio::awaitable<void> AuthExternal(std::string response, bool cut);
  asio::awaitable<void> LogIn(v1::LoginRequest request, absl::string_view method);
  asio::awaitable<void> RefuseLogin(absl::Status status, TimePoint arrival);
  // The user, who has proved to be it, has too many.
  void RefuseSessionOfUser();
  asio::awaitable<void> Stls();
  // By TLS of this connection or, if that is to be believed, of a load balancer's.
  bool Secure() const { return connection_.secure() || proxied_tls_; }
  bool PasswordsAllowed() const;
  CapabilityState Capabilities() const;

  // AUTHORIZATION and TRANSACTION.
  void Capa();
  void Lang(absl::string_view argument);
  void Utf8();

  // TRANSACTION.
  asio::awaitable<void> TransactionCommand();
  void Stat();
  asio::awaitable<void> List(std::string argument, Verb verb);
  asio::awaitable<void> ListAll(Verb verb);
  asio::awaitable<void> Dele(std::string argument);
  void Rset();
  asio::awaitable<void> Retrieve(Command command);
  std::vector<Transfer::Part> PlanAhead(const Transfer::Part& first, uint32_t number,
                                        bool* wanted);
  // The row of a message that can be named in a command now; otherwise the -ERR has
  // been given.
  asio::awaitable<std::optional<MessageList::Row>> Find(std::optional<uint32_t> number);
  void RefuseForStorage(const absl::Status& status, absl::string_view what);

  // UPDATE.
  asio::awaitable<void> Update();
  // Deletes what is marked, or nothing.
  asio::awaitable<absl::Status> CommitMarks();
  asio::awaitable<absl::StatusOr<uint32_t>> UidOf(uint32_t number);
  // Frees the lock, and tells what was retrieved.
  void CloseMaildrop();

  const SessionEnvironment environment_;
  Connection connection_;
  Arrival arrival_;
  SessionIdentity identity_;
  UserTable::Ticket user_ticket_;
  SessionCounters counters_;
  const TimePoint start_;

  State state_ = State::kAuthorization;
  // USER's argument, until PASS or STLS. An AUTH that fails leaves it as it was (RFC
  // 5034, section 4).
  std::string user_;
  Language language_ = Language::kDefault;
  // The client takes UTF-8 in headers.
  bool utf8_ = false;
  uint32_t attempts_ = 0;
  uint32_t failed_logins_ = 0;
  // Commands and long lines refused one after the other; and when the present command
  // had come.
  uint32_t refused_ = 0;
  uint32_t refused_before_ = 0;
  // Of the line that was last read.
  size_t line_octets_ = 0;
  // No reply has been begun that isn't ended, so that -ERR can be said.
  bool between_replies_ = false;
  bool proxied_tls_ = false;
  // Not worth a line in the log.
  bool quiet_ = false;
  bool close_gently_ = false;
  // A constant; what the log says about the end.
  absl::string_view end_reason_;
  std::unique_ptr<Maildrop> maildrop_;
};

}  // namespace restante::pop3
