// Reading mailboxes over the contract: a session of MaildropService, and streams of
// MessagesService, of which every octet is checked.
#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/messages.h"

namespace restante::bench {

// A session of one user, or what stands for one at a bare server. Blocks in each call.
class ApiMailbox {
 public:
  // Logs in and lists.
  ApiMailbox(std::shared_ptr<grpc::Channel> channel, const std::string& address,
             const std::string& password);

  // Without a session: the messages 1 to `count` of a bare server (bare_stream.h).
  ApiMailbox(std::shared_ptr<grpc::Channel> channel, uint32_t count);

  const std::vector<uint32_t>& uids() const { return uids_; }

  // All messages, in as few streams as may be. Calls `each` for every one.
  void Read(const Messages& messages,
            const std::function<void(const MessageId&, uint64_t octets)>& each) const;

  // Deletes all, and ends the session.
  void Erase();

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  std::string token_;
  std::vector<uint32_t> uids_;
};

}  // namespace restante::bench
