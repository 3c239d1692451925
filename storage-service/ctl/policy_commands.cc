#include "storage-service/ctl/policy_commands.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/grpc_status.h"
#include "restante/v1/accounts.grpc.pb.h"
#include "storage-service/ctl/accounts_commands.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/policy_fields.h"
#include "storage-service/ctl/table.h"
#include "storage-service/ctl/verb.h"

namespace restante::ctl {
namespace {

using v1::AccountsService;

struct PolicyOptions {
  std::string address;
  std::string domain;
  std::string deletion;
  std::string expire_retrieved;
  std::string expire_arrived;
  std::string login_delay;
  std::vector<std::string> fields;  // to be inherited again
};

// Fields to set, and to what.
struct Change {
  v1::Pop3Policy policy;
  std::vector<std::string> fields;
};

absl::Status CheckWhose(const PolicyOptions& options) {
  if (options.address.empty() != options.domain.empty()) return absl::OkStatus();
  return UsageError("give an ADDRESS or --domain DOMAIN");
}

absl::StatusOr<v1::ListDomainPoliciesResponse> ListDomains(const Session& session,
                                                           const std::string& domain) {
  v1::ListDomainPoliciesRequest request;
  request.set_domain(domain);
  v1::ListDomainPoliciesResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->ListDomainPolicies(context.get(), request, &response));
  if (!status.ok()) return status;
  return response;
}

std::string DomainOf(const std::string& address) {
  const size_t at = address.rfind('@');
  return at == std::string::npos ? "" : address.substr(at + 1);
}

absl::Status ShowAccount(const Session& session, const PolicyOptions& options) {
  const absl::StatusOr<v1::Account> found = GetAccount(session, options.address);
  if (!found.ok()) return found.status();
  const v1::Account& account = *found;
  if (session.json()) {
    session.PrintJson({{"address", account.address()},
                       {"policy", ToJson(account.pop3_policy())},
                       {"effective_policy", ToJson(account.effective_pop3_policy())}});
    return absl::OkStatus();
  }
  v1::Pop3Policy of_domain;
  const std::string domain = DomainOf(account.address());
  if (!domain.empty()) {
    const auto domains = ListDomains(session, domain);
    if (!domains.ok()) return domains.status();
    if (domains->domains_size() > 0) of_domain = domains->domains(0).policy();
  }
  Table table({{"POLICY"}, {"VALUE"}, {"FROM"}});
  for (const PolicyField& field : PolicyFields()) {
    const bool own = !FormatField(account.pop3_policy(), field.name).empty();
    const bool domains = !FormatField(of_domain, field.name).empty();
    table.Add({field.title, FormatField(account.effective_pop3_policy(), field.name),
               own       ? "account"
               : domains ? "domain"
                         : "service"});
  }
  table.Print(session.out());
  return absl::OkStatus();
}

// One domain, or all of them, and the service's policy.
absl::Status ShowDomains(const Session& session, const PolicyOptions& options) {
  const auto listed = ListDomains(session, options.domain);
  if (!listed.ok()) return listed.status();
  if (session.json()) {
    Json domains = Json::array();
    for (const v1::DomainPolicy& domain : listed->domains()) {
      domains.push_back({{"domain", domain.domain()}, {"policy", ToJson(domain.policy())}});
    }
    session.PrintJson({{"domains", std::move(domains)},
                       {"service_policy", ToJson(listed->service_policy())}});
    return absl::OkStatus();
  }
  Table table({{"DOMAIN"},
               {"DELETION"},
               {"MOVE TO"},
               {"EXPIRE RETRIEVED"},
               {"EXPIRE ARRIVED"},
               {"LOGIN DELAY"}});
  const auto add = [&table](const std::string& name, const v1::Pop3Policy& policy) {
    std::vector<std::string> cells{name};
    for (const PolicyField& field : PolicyFields()) {
      const std::string value = FormatField(policy, field.name);
      cells.push_back(value.empty() ? "-" : value);
    }
    table.Add(std::move(cells));
  };
  for (const v1::DomainPolicy& domain : listed->domains())
    add(domain.domain(), domain.policy());
  add("(service)", listed->service_policy());
  table.Print(session.out());
  return absl::OkStatus();
}

absl::Status Show(const Session& session, const PolicyOptions& options) {
  if (!options.address.empty() && !options.domain.empty()) return CheckWhose(options);
  return options.address.empty() ? ShowDomains(session, options)
                                 : ShowAccount(session, options);
}

absl::Status ChangeAccount(const Session& session, const std::string& address,
                           const Change& change, const char* outcome) {
  v1::UpdateAccountRequest request;
  request.mutable_account()->set_address(address);
  *request.mutable_account()->mutable_pop3_policy() = change.policy;
  for (const std::string& field : change.fields) {
    request.mutable_update_mask()->add_paths(absl::StrCat("pop3_policy.", field));
  }
  v1::UpdateAccountResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->UpdateAccount(context.get(), request, &response));
  if (!status.ok()) return status;
  const v1::Account& account = response.account();
  if (session.json()) {
    session.PrintJson({{"address", account.address()},
                       {"policy", ToJson(account.pop3_policy())},
                       {"effective_policy", ToJson(account.effective_pop3_policy())}});
  } else {
    session.out() << "The policy of " << Printable(account.address()) << " is " << outcome
                  << ".\n";
  }
  return absl::OkStatus();
}

absl::Status ChangeDomain(const Session& session, const std::string& domain,
                          const Change& change, const char* outcome) {
  v1::SetDomainPolicyRequest request;
  request.set_domain(domain);
  *request.mutable_policy() = change.policy;
  for (const std::string& field : change.fields) {
    request.mutable_update_mask()->add_paths(field);
  }
  v1::SetDomainPolicyResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->SetDomainPolicy(context.get(), request, &response));
  if (!status.ok()) return status;
  const v1::DomainPolicy& now = response.domain_policy();
  if (session.json()) {
    session.PrintJson({{"domain", now.domain()}, {"policy", ToJson(now.policy())}});
  } else {
    session.out() << "The policy of " << Printable(now.domain()) << " is " << outcome << ".\n";
  }
  return absl::OkStatus();
}

absl::Status Apply(const Session& session, const PolicyOptions& options, const Change& change,
                   const char* outcome) {
  return options.domain.empty() ? ChangeAccount(session, options.address, change, outcome)
                                : ChangeDomain(session, options.domain, change, outcome);
}

absl::Status Set(const Session& session, const PolicyOptions& options) {
  const absl::Status whose = CheckWhose(options);
  if (!whose.ok()) return whose;
  Change change;
  if (!options.deletion.empty()) {
    const absl::Status parsed = ParseDeletion(options.deletion, &change.policy);
    if (!parsed.ok()) return parsed;
    change.fields.push_back("deletion");
    if (!change.policy.move_to().empty()) change.fields.push_back("move_to");
  }
  const struct {
    const char* option;
    const std::string& text;
    const char* nothing;
    const char* field;
    google::protobuf::Duration* (v1::Pop3Policy::*value)();
  } periods[] = {{"--expire-retrieved", options.expire_retrieved, "never", "expire_retrieved",
                  &v1::Pop3Policy::mutable_expire_retrieved},
                 {"--expire-arrived", options.expire_arrived, "never", "expire_arrived",
                  &v1::Pop3Policy::mutable_expire_arrived},
                 {"--login-delay", options.login_delay, "none", "login_delay",
                  &v1::Pop3Policy::mutable_login_delay}};
  for (const auto& period : periods) {
    if (period.text.empty()) continue;
    const auto parsed = ParsePeriod(period.option, period.text, period.nothing);
    if (!parsed.ok()) return parsed.status();
    *(change.policy.*period.value)() = *parsed;
    change.fields.push_back(period.field);
  }
  if (change.fields.empty()) {
    return UsageError(
        "give what to set: --deletion, --expire-retrieved, --expire-arrived, "
        "--login-delay");
  }
  return Apply(session, options, change, "set");
}

absl::Status Unset(const Session& session, const PolicyOptions& options) {
  const absl::Status whose = CheckWhose(options);
  if (!whose.ok()) return whose;
  Change change;
  std::vector<std::string> known;
  for (const PolicyField& field : PolicyFields()) known.push_back(field.name);
  for (const std::string& given : options.fields) {
    const std::string field = absl::StrReplaceAll(given, {{"-", "_"}});
    if (std::find(known.begin(), known.end(), field) == known.end()) {
      return UsageError(
          absl::StrCat("--field: '", given, "' is none of ",
                       absl::StrReplaceAll(absl::StrJoin(known, ", "), {{"_", "-"}})));
    }
    change.fields.push_back(field);
  }
  if (change.fields.empty()) {
    change.fields = std::move(known);
    return Apply(session, options, change, "inherited");
  }
  return Apply(session, options, change, "changed");
}

CLI::App* AddPolicyVerb(CLI::App* policy, const char* name, const char* what, Action* action,
                        const std::shared_ptr<PolicyOptions>& options,
                        absl::Status (*run)(const Session&, const PolicyOptions&)) {
  CLI::App* verb = AddVerb(policy, name, what, action, options, run);
  verb->add_option("ADDRESS", options->address, "The account's address");
  verb->add_option("--domain", options->domain, "In place of an account: all of a domain")
      ->type_name("DOMAIN");
  return verb;
}

}  // namespace

void AddPolicyCommands(CLI::App* app, Action* action) {
  CLI::App* policy = app->add_subcommand(
      "policy",
      "What becomes of mail that POP3 deletes or has retrieved, and how often "
      "users may log in");
  policy->require_subcommand(1);
  const auto options = std::make_shared<PolicyOptions>();

  AddPolicyVerb(policy, "show",
                "Show what holds for an account, or the policies of domains and the service",
                action, options, Show);
  CLI::App* set = AddPolicyVerb(policy, "set", "Set some of an account's policy, or a domain's",
                                action, options, Set);
  set->add_option("--deletion", options->deletion,
                  "What a client deletes is expunged, hidden from POP3 but kept in the INBOX, "
                  "or moved to another mailbox")
      ->type_name("expunge|hide|move:MAILBOX");
  set->add_option("--expire-retrieved", options->expire_retrieved,
                  "Expunge a message so long after POP3 has first retrieved it")
      ->type_name("30d|never");
  set->add_option("--expire-arrived", options->expire_arrived,
                  "Expunge a message so long after it came in")
      ->type_name("30d|never");
  set->add_option("--login-delay", options->login_delay,
                  "The least time from one login to the next, at most 1d")
      ->type_name("10m|none");
  AddPolicyVerb(policy, "unset", "Inherit a policy again, all of it or single fields", action,
                options, Unset)
      ->add_option("--field", options->fields,
                   "Only this: deletion, move-to, expire-retrieved, expire-arrived or "
                   "login-delay; may be given several times")
      ->type_name("FIELD");
}

}  // namespace restante::ctl
