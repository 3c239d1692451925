#include "storage-service/ctl/aliases_commands.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config_values.h"
#include "common/grpc_status.h"
#include "restante/v1/aliases.grpc.pb.h"
#include "restante/v1/delivery.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/table.h"
#include "storage-service/ctl/verb.h"

namespace restante::ctl {
namespace {

using v1::AliasesService;
using v1::DeliveryService;

struct AliasOptions {
  std::string address;
  std::vector<std::string> targets;
};

struct LookupOptions {
  std::vector<std::string> recipients;
  std::string size;
};

Json AliasJson(const v1::Alias& alias) {
  Json targets = Json::array();
  for (const v1::AliasTarget& target : alias.targets()) {
    targets.push_back({{"address", target.address()}, {"missing", target.missing()}});
  }
  return {{"address", alias.address()}, {"targets", std::move(targets)}};
}

std::string TargetText(const v1::AliasTarget& target) {
  return target.missing() ? absl::StrCat(target.address(), " (missing)") : target.address();
}

void PrintAliases(const Session& session, const std::vector<v1::Alias>& aliases) {
  if (session.json()) {
    Json all = Json::array();
    for (const v1::Alias& alias : aliases) all.push_back(AliasJson(alias));
    session.PrintJson({{"aliases", std::move(all)}});
    return;
  }
  Table table({{"ALIAS"}, {"LEADS TO"}});
  for (const v1::Alias& alias : aliases) {
    std::string address = alias.address();
    for (const v1::AliasTarget& target : alias.targets()) {
      table.Add({std::exchange(address, ""), TargetText(target)});
    }
  }
  table.Print(session.out());
}

void PrintChanged(const Session& session, const v1::Alias& alias) {
  if (session.json()) {
    session.PrintJson(AliasJson(alias));
    return;
  }
  if (alias.targets().empty()) {
    session.out() << Printable(alias.address()) << " is no alias any more.\n";
    return;
  }
  std::vector<std::string> targets;
  for (const v1::AliasTarget& target : alias.targets()) targets.push_back(TargetText(target));
  session.out() << Printable(alias.address()) << " leads to "
                << Printable(absl::StrJoin(targets, ", ")) << ".\n";
}

absl::Status AddAlias(const Session& session, const AliasOptions& options) {
  v1::AddAliasRequest request;
  request.set_address(options.address);
  for (const std::string& target : options.targets) request.add_targets(target);
  v1::AddAliasResponse response;
  const auto context = session.ShortCall();
  const absl::Status status = FromGrpcStatus(
      AliasesService::NewStub(session.channel())->AddAlias(context.get(), request, &response));
  if (status.ok()) PrintChanged(session, response.alias());
  return status;
}

absl::Status RemoveAlias(const Session& session, const AliasOptions& options) {
  v1::RemoveAliasRequest request;
  request.set_address(options.address);
  for (const std::string& target : options.targets) request.add_targets(target);
  v1::RemoveAliasResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AliasesService::NewStub(session.channel())
                         ->RemoveAlias(context.get(), request, &response));
  if (status.ok()) PrintChanged(session, response.alias());
  return status;
}

absl::Status ListAliases(const Session& session, const AliasOptions& options) {
  const auto stub = AliasesService::NewStub(session.channel());
  std::vector<v1::Alias> aliases;
  if (!options.address.empty()) {
    v1::GetAliasRequest request;
    request.set_address(options.address);
    v1::GetAliasResponse response;
    const auto context = session.ShortCall();
    const absl::Status status =
        FromGrpcStatus(stub->GetAlias(context.get(), request, &response));
    if (!status.ok()) return status;
    aliases.push_back(response.alias());
  } else {
    v1::ListAliasesRequest request;
    do {
      v1::ListAliasesResponse response;
      const auto context = session.ShortCall();
      const absl::Status status =
          FromGrpcStatus(stub->ListAliases(context.get(), request, &response));
      if (!status.ok()) return status;
      aliases.insert(aliases.end(), response.aliases().begin(), response.aliases().end());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
  }
  PrintAliases(session, aliases);
  return absl::OkStatus();
}

Json LookupJson(const std::string& recipient, const v1::RecipientLookup& lookup) {
  Json accounts = Json::array();
  for (const v1::RecipientAccount& account : lookup.accounts()) {
    accounts.push_back({{"address", account.address()}, {"disabled", account.disabled()}});
  }
  return {{"recipient", recipient},
          {"reply_code", lookup.reply_code()},
          {"enhanced_status_code", lookup.enhanced_status_code()},
          {"reply_text", lookup.reply_text()},
          {"error", lookup.status().message()},
          {"alias", lookup.alias()},
          {"accounts", std::move(accounts)}};
}

absl::Status Lookup(const Session& session, const LookupOptions& options) {
  v1::LookupRecipientsRequest request;
  for (const std::string& recipient : options.recipients) request.add_recipients(recipient);
  if (!options.size.empty()) {
    const std::optional<uint64_t> octets = ParseConfigOctets(options.size);
    if (!octets.has_value()) {
      return UsageError(absl::StrCat("--size: '", options.size,
                                     "' is no size: give octets, or such as 500KB or 2MiB"));
    }
    request.set_declared_octets(*octets);
  }
  v1::LookupRecipientsResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(DeliveryService::NewStub(session.channel())
                         ->LookupRecipients(context.get(), request, &response));
  if (!status.ok()) return status;
  Json recipients = Json::array();
  Table table({{"RECIPIENT"}, {"REPLY"}, {"ACCOUNT"}, {"BY ALIAS"}});
  bool all_taken = true;
  for (int i = 0; i < response.lookups_size(); ++i) {
    const v1::RecipientLookup& lookup = response.lookups(i);
    all_taken = all_taken && lookup.status().code() == 0;
    recipients.push_back(LookupJson(request.recipients(i), lookup));
    const std::string reply = absl::StrCat(
        lookup.reply_code(), " ", lookup.enhanced_status_code(), " ", lookup.reply_text());
    if (lookup.accounts().empty())
      table.Add({request.recipients(i), reply, "", lookup.alias()});
    for (const v1::RecipientAccount& account : lookup.accounts()) {
      table.Add({request.recipients(i), reply,
                 absl::StrCat(account.address(), account.disabled() ? " (disabled)" : ""),
                 lookup.alias()});
    }
  }
  if (session.json()) {
    session.PrintJson({{"recipients", std::move(recipients)}});
  } else {
    table.Print(session.out());
  }
  return all_taken ? absl::OkStatus() : RefusedError("not all recipients would be taken");
}

}  // namespace

void AddAliasesCommands(CLI::App* app, Action* action) {
  CLI::App* aliases =
      app->add_subcommand("aliases", "Let addresses lead to accounts: aliases and catch-alls");
  aliases->require_subcommand(1);
  const auto options = std::make_shared<AliasOptions>();
  constexpr char kAddress[] = "The alias, or @DOMAIN for all that is nothing else there";

  CLI::App* add = AddVerb(aliases, "add", "Add targets to an alias, which is made if need be",
                          action, options, AddAlias);
  add->add_option("ADDRESS", options->address, kAddress)->required();
  add->add_option("TARGET", options->targets, "Accounts and other aliases")->required();
  CLI::App* remove = AddVerb(aliases, "remove", "Take targets away, or an alias as a whole",
                             action, options, RemoveAlias);
  remove->add_option("ADDRESS", options->address, kAddress)->required();
  remove->add_option("TARGET", options->targets, "Only these");
  AddVerb(aliases, "list", "List all aliases, or show one", action, options, ListAliases)
      ->add_option("ADDRESS", options->address, kAddress);

  const auto lookup_options = std::make_shared<LookupOptions>();
  CLI::App* lookup = AddVerb(app, "lookup",
                             "Show where mail to addresses goes, and whether it "
                             "would be taken",
                             action, lookup_options, Lookup);
  lookup->add_option("RECIPIENT", lookup_options->recipients, "Addresses")->required();
  lookup->add_option("--size", lookup_options->size, "Would a message of this size be taken?")
      ->type_name("SIZE");
}

}  // namespace restante::ctl
