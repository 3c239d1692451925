// How a command adds one of its verbs: `restantectl COMMAND VERB`, which runs a function
// with the command's options once the line is parsed.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <type_traits>

#include "absl/status/status.h"
#include "storage-service/ctl/session.h"

namespace restante::ctl {

// The caller adds what the verb takes.
template <class Options>
CLI::App* AddVerb(CLI::App* command, const char* name, const char* what, Action* action,
                  std::shared_ptr<Options> options,
                  std::type_identity_t<absl::Status (*)(const Session&, const Options&)> run) {
  CLI::App* verb = command->add_subcommand(name, what);
  verb->callback([action, options, run] {
    *action = [options, run](Session& session) { return run(session, *options); };
  });
  return verb;
}

// The same for a verb whose first argument is an account.
template <class Options>
CLI::App* AddAccountVerb(
    CLI::App* command, const char* name, const char* what, Action* action,
    std::shared_ptr<Options> options,
    std::type_identity_t<absl::Status (*)(const Session&, const Options&)> run) {
  CLI::App* verb = AddVerb(command, name, what, action, options, run);
  verb->add_option("ADDRESS", options->address, "The account's address")->required();
  return verb;
}

}  // namespace restante::ctl
