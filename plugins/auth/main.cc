// restante-authd: lets MTAs authenticate senders as the storage service does.
#include "common/program.h"
#include "plugins/auth/config.h"
#include "plugins/auth/server.h"

int main(int argc, char** argv) {
  return restante::RunProgram<restante::config::AuthdConfig>(
      argc, argv,
      {.name = "restante-authd",
       .summary = "Authenticates senders for Postfix and Exim, by Dovecot's protocol.",
       .schema = "plugins/auth/config.proto"},
      restante::auth::DefaultConfig(), restante::auth::CheckConfig, restante::auth::Serve);
}
