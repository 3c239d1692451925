// Which addresses there are, and whether there is room: out of the cache, or by the storage
// service. Used on one thread, that of its callers' executor.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "plugins/postfix/recipient_cache.h"
#include "restante/v1/delivery.grpc.pb.h"

namespace restante::postfix {

struct Answer {
  enum class Kind {
    kExists,    // and a message has room
    kMissing,   // nobody, and no alias
    kFull,      // it exists; a message of this size has no room
    kRejected,  // a message wouldn't be taken, for good: it is larger than any may be
    kFailure,   // nobody knows: to be asked again
  };
  Kind kind = Kind::kFailure;
  // Of kExists and kFull.
  std::shared_ptr<const Recipient> recipient;
  // Of the others: what RCPT would be answered, such as "550 5.1.1 No such recipient.".
  std::string reply;
};

class Directory {
 public:
  // The stub must outlive it.
  Directory(v1::DeliveryService::Stub& storage, std::chrono::milliseconds storage_timeout,
            const RecipientCache::Settings& cache)
      : storage_(storage), storage_timeout_(storage_timeout), cache_(cache) {}

  // The address as an MTA writes it.
  asio::awaitable<Answer> Find(asio::any_io_executor executor, std::string address);

  // The same for a message of so many octets; 0: of unknown size.
  asio::awaitable<Answer> FindRoom(asio::any_io_executor executor, std::string address,
                                   uint64_t octets);

  // Addresses may lead elsewhere by now: what RecipientCache::Forget says is asked for anew,
  // and what is being asked for isn't remembered.
  void Forget(const std::vector<std::string>& addresses);
  void ForgetEverything();

 private:
  asio::awaitable<Answer> Ask(asio::any_io_executor executor, std::string address,
                              uint64_t octets);
  Answer Learn(const std::string& address, uint64_t octets, const v1::RecipientLookup& lookup,
               bool remember);

  v1::DeliveryService::Stub& storage_;
  const std::chrono::milliseconds storage_timeout_;
  RecipientCache cache_;
  // How often something was forgotten.
  uint64_t changes_ = 0;
};

}  // namespace restante::postfix
