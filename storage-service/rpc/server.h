// The gRPC server of the storage service: all services over one store, with
// reflection and grpc.health.v1.
#pragma once

#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/net.h"
#include "storage-service/rpc/accounts_service.h"
#include "storage-service/rpc/admin_service.h"
#include "storage-service/rpc/aliases_service.h"
#include "storage-service/rpc/authenticator_service.h"
#include "storage-service/rpc/completion_thread.h"
#include "storage-service/rpc/delivery_service.h"
#include "storage-service/rpc/health_service.h"
#include "storage-service/rpc/mailboxes_service.h"
#include "storage-service/rpc/maildrop_service.h"
#include "storage-service/rpc/messages_service.h"
#include "storage-service/rpc/reflection_service.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

// One message from a client may have this many octets.
inline constexpr int kMostMessageOctets = 4 << 20;

struct ServerOptions {
  // At least one. Port 0: any free one.
  std::vector<ListenAddress> listen;
  StreamLimits exchange;
  DeliveryLimits delivery;
  DeliveryLoad::Limits delivery_load;
};

class Server {
 public:
  // Serves when it returns. The store must outlive the server. An error names the
  // address that can't be listened on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(store::Store& store,
                                                       ServerOptions options);

  // As Shutdown() without waiting for calls.
  ~Server();

  // Where it listens, in the order of the options, with the ports that it got.
  const std::vector<ListenAddress>& addresses() const { return addresses_; }

  // Reports NOT_SERVING, takes nothing new, ends the long-lived streams once what
  // they brought is done, waits for calls under way until the deadline and cancels
  // the rest. Returns when no task uses the store any more. Once, from one thread.
  void Shutdown(absl::Time deadline);

 private:
  Server(store::Store& store, ServerOptions options);
  absl::Status Listen();

  const ServerOptions options_;
  std::vector<ListenAddress> addresses_;
  ServiceContext context_;
  AccountsService accounts_;
  AliasesService aliases_;
  AuthenticatorService authenticator_;
  MaildropService maildrop_;
  MessagesService messages_;
  DeliveryService delivery_;
  MailboxesService mailboxes_;
  AdminService admin_;
  HealthService health_;
  ReflectionService reflection_;
  std::unique_ptr<CompletionThread> thread_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace restante::rpc
