// restante-mta-lookup: tells MTAs which recipients there are, before they take mail.
#include "common/program.h"
#include "plugins/postfix/config.h"
#include "plugins/postfix/server.h"

int main(int argc, char** argv) {
  return restante::RunProgram<restante::config::MtaLookupConfig>(
      argc, argv,
      {.name = "restante-mta-lookup",
       .summary =
           "Tells Postfix which recipients and aliases there are, and who is over quota.",
       .schema = "plugins/postfix/config.proto"},
      restante::postfix::DefaultConfig(), restante::postfix::CheckConfig,
      restante::postfix::Serve);
}
