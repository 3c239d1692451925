// POP3 (RFC 1939) from the client's side, as an import needs it: lists and messages, the
// latter asked for ahead of their answers where the server allows that (RFC 2449, section
// 6.6), octet for octet and in bounded memory. No library that Debian has pipelines.
//
// Only DeleteAndQuit says QUIT: servers that delete what was retrieved do so there.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage-service/ctl/transfer/net_stream.h"

namespace restante::ctl {

class Pop3Client {
 public:
  // Connected, by TLS as the server's settings want it, and logged in.
  static absl::StatusOr<std::unique_ptr<Pop3Client>> LogIn(const MailServer& server);

  struct Listed {
    uint32_t number = 0;
    std::string text;  // what stands behind the number
  };
  // "UIDL", "LIST". An error says what the server has answered.
  absl::StatusOr<std::vector<Listed>> List(absl::string_view command);

  // Messages by number, in this order. `begin` is told with the index of each, or why the
  // server doesn't give it, and `data` of its octets; `end` when it is whole. An error of
  // theirs ends it.
  struct Reader {
    std::function<absl::Status(size_t index, absl::Status refused)> begin;
    std::function<absl::Status(std::string octets)> data;
    std::function<absl::Status()> end;
  };
  absl::Status Retrieve(const std::vector<uint32_t>& numbers, const Reader& reader);

  // Marks them, and ends the session: only then are they gone.
  absl::Status DeleteAndQuit(const std::vector<uint32_t>& numbers);

 private:
  explicit Pop3Client(std::unique_ptr<NetStream> stream) : stream_(std::move(stream)) {}

  absl::Status Greet();
  absl::Status Authenticate();
  void AskCapabilities();
  absl::Status Send(absl::string_view command);
  absl::StatusOr<std::string> ReadLine();
  // The first line of a reply: its text, or why not.
  absl::StatusOr<std::string> ReadReply();
  absl::StatusOr<std::string> Ask(absl::string_view command);
  absl::Status Fill();
  absl::Status ReadMessage(const Reader& reader);

  std::unique_ptr<NetStream> stream_;
  absl::flat_hash_set<std::string> capabilities_;
  std::string buffer_;
  size_t begin_ = 0;  // of what hasn't been taken, in the buffer
};

}  // namespace restante::ctl
