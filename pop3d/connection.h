// A client's connection: a socket, with or without TLS, an input that gathers
// lines and an output that gathers replies. It knows nothing of POP3.
//
// Every wait has the one deadline that SetTimeout gave, moved by Touch() and by
// each octet that the client takes; when it passes, the connection closes without
// a word and whoever waits gets false. TLS works on the socket itself rather than
// through asio::ssl::stream, which would keep some 70 KiB of buffers for each idle
// connection. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "asio/awaitable.hpp"
#include "asio/ip/tcp.hpp"
#include "common/proxy_protocol.h"
#include "common/tls.h"
#include "pop3d/deadlines.h"
#include "pop3d/line_buffer.h"

namespace restante::pop3 {

class Connection {
 public:
  // What output() may gather before it has to be flushed, but for one line: with TLS what
  // goes into a record, since OpenSSL holds the one under way besides.
  static constexpr size_t kOutputOctets = 16 * 1024;
  static constexpr size_t kRecordOctets = 8 * 1024;
  size_t full_output() const { return secure() ? kRecordOctets : kOutputOctets; }

  Connection(asio::ip::tcp::socket socket, Deadlines& deadlines, LineLimits lines = {});
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // How long the client may be silent from now on.
  void SetTimeout(TimeSpan timeout);
  // From now on the connection ends when the client's host has answered nothing for so
  // long, neither what was sent to it nor the question whether it has room for more. The
  // kernel's keepalive finds out only clients to whom nothing is under way.
  // (TCP_USER_TIMEOUT would do as much, but also ends the connection of a client that
  // answers and merely reads on later.)
  void WatchHost(TimeSpan silence);
  bool host_is_gone() const { return host_is_gone_; }
  void Touch() { deadline_.SetAfter(timeout_, end_); }
  // When the connection has to be over, however much the client says.
  void SetEnd(TimePoint end);
  bool timed_out() const { return timed_out_; }
  // It was over because of SetEnd.
  bool past_end() const { return past_end_; }

  LineBuffer& input() { return input_; }
  std::string& output() { return output_; }

  // Before anything else: what a load balancer says of the client, and not an octet
  // behind it. False: the connection is over, or they are no header (parse->error).
  asio::awaitable<bool> ReceiveProxyHeader(ProxyParse* parse);

  // Waits for octets and takes them into input(). False: the connection is over.
  asio::awaitable<bool> Receive();

  // Sends output(). False: the connection is over.
  asio::awaitable<bool> Flush();

  // Sends what goes without waiting: output(), then `octets`, which aren't copied.
  // What was sent is taken off both. With TLS, `octets` that aren't all sent have to
  // come first the next time, so whoever may drop them puts them into output().
  enum class Sent { kAll, kNotAll, kOver };
  Sent SendNow(absl::string_view* octets);
  // After kNotAll: until the client takes more. False: the connection is over.
  asio::awaitable<bool> AwaitRoom();
  // Lets go of memory that output() doesn't need.
  void TrimOutput() { output_.shrink_to_fit(); }

  // Octets that have left by now, before encryption; and how many will have when
  // all that is in output() has. The second isn't for while a Flush is under way.
  uint64_t sent_octets() const { return sent_octets_; }
  uint64_t output_end() const { return sent_octets_ + output_.size(); }

  // Sends what the socket takes of output() without waiting, and drops the rest.
  void FlushAtOnce();

  // The server's side of a handshake. False: it failed, and the connection is over.
  asio::awaitable<bool> StartTls(ServerTls& tls);
  bool secure() const { return tls_ != nullptr; }
  // The client has proved itself by a certificate; and that with its chain, each in DER.
  bool has_certificate() const { return tls_usable_ && HasVerifiedPeer(tls_.get()); }
  std::vector<std::string> Certificates() const;

  // Calls `on_end` once the client has gone, or Close() was called, while nothing else
  // waits on this connection; for as long as the returned object lives. A client that has
  // said something which wasn't read yet has gone when the connection is broken, and not
  // when it will merely say no more.
  class EndWatch {
   public:
    EndWatch(Connection& connection, absl::AnyInvocable<void()> on_end);
    ~EndWatch();
    EndWatch(const EndWatch&) = delete;
    EndWatch& operator=(const EndWatch&) = delete;

   private:
    struct State;
    static void Await(std::shared_ptr<State> state);
    static void Look(std::shared_ptr<State> state, bool broken, bool aborted);
    const std::shared_ptr<State> state_;
  };

  // Ends the connection at once; a coroutine that waits on it gets false.
  void Close();
  // Ends it so that the client gets the last reply even if it has sent octets that
  // were never read, which would otherwise reset the connection.
  asio::awaitable<void> CloseGently();
  // The first half of that, without waiting and also while a coroutine waits here, which
  // gets false as after Close(): what the socket takes of output() and the end of the
  // stream. CloseGently() has to follow.
  void EndOutput();
  // Nothing more can be had from the client, nor be said to it.
  bool closed() const { return output_ended_ || !socket_.is_open(); }

 private:
  enum class Io { kDone, kWantsRead, kWantsWrite, kOver };

  // Sends as much as goes without waiting: of `first`, then of `second`.
  Io Send(absl::string_view* first, absl::string_view* second);
  Io SendTls(absl::string_view* octets);
  Io TlsResult(int result);
  asio::awaitable<bool> Await(Io wanted);
  // Says that nothing was cut off (RFC 8446, section 6.1).
  void NotifyTlsClose();
  void LookForHost();
  asio::awaitable<bool> ReceiveTls();
  // What Receive would find, without taking it.
  enum class Ahead { kNothing, kOctets, kEnd };
  Ahead LookAhead();

  asio::ip::tcp::socket socket_;
  TlsConnection tls_;
  bool tls_usable_ = false;
  LineBuffer input_;
  std::string output_;
  uint64_t sent_octets_ = 0;
  // What the last SendNow waits for.
  Io send_wants_ = Io::kDone;
  TimeSpan timeout_{0};
  TimePoint end_ = TimePoint::max();
  bool output_ended_ = false;
  bool timed_out_ = false;
  bool past_end_ = false;
  Deadline deadline_;
  TimeSpan host_silence_{0};
  bool host_is_gone_ = false;
  Deadline host_check_;
};

}  // namespace restante::pop3
