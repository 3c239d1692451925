#include "storage-service/ctl/filing_commands.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/grpc_status.h"
#include "restante/v1/accounts.grpc.pb.h"
#include "storage-service/ctl/accounts_commands.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/table.h"
#include "storage-service/ctl/verb.h"

namespace restante::ctl {
namespace {

using v1::AccountsService;

constexpr char kArrow[] = "->";
constexpr char kPrefixMark[] = "...";
constexpr char kSpamRule[] = "X-Spam-Flag: YES -> \\Junk";

struct FilingOptions {
  std::string address;
  std::string domain;
  std::vector<std::string> rules;
  bool spam = false;
  bool none = false;
};

absl::Status CheckWhoseFiling(const FilingOptions& options) {
  if (options.address.empty() != options.domain.empty()) return absl::OkStatus();
  return UsageError("give an ADDRESS or --domain DOMAIN");
}

absl::Status ShowAccountFiling(const Session& session, const FilingOptions& options) {
  const absl::StatusOr<v1::Account> found = GetAccount(session, options.address);
  if (!found.ok()) return found.status();
  const v1::Account& account = *found;
  if (session.json()) {
    session.PrintJson(
        {{"address", account.address()},
         {"filing_rules", account.has_filing_rules() ? ToJson(account.filing_rules()) : Json()},
         {"effective_filing_rules", ToJson(account.effective_filing_rules())}});
    return absl::OkStatus();
  }
  const char* const from = account.has_filing_rules() ? "account" : "domain";
  Table table({{"RULE"}, {"MAILBOX"}, {"FROM"}});
  for (const v1::FilingRule& rule : account.effective_filing_rules().rules()) {
    table.Add({FormatCondition(rule), rule.mailbox(), from});
  }
  table.Print(session.out());
  return absl::OkStatus();
}

// One domain, or all that have rules.
absl::Status ShowDomainFiling(const Session& session, const FilingOptions& options) {
  v1::ListDomainFilingRequest request;
  request.set_domain(options.domain);
  v1::ListDomainFilingResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->ListDomainFiling(context.get(), request, &response));
  if (!status.ok()) return status;
  Json domains = Json::array();
  Table table({{"DOMAIN"}, {"RULE"}, {"MAILBOX"}});
  for (const v1::DomainFiling& filing : response.domains()) {
    domains.push_back({{"domain", filing.domain()}, {"filing_rules", ToJson(filing.rules())}});
    for (const v1::FilingRule& rule : filing.rules().rules()) {
      table.Add({filing.domain(), FormatCondition(rule), rule.mailbox()});
    }
  }
  if (session.json()) {
    session.PrintJson({{"domains", std::move(domains)}});
  } else {
    table.Print(session.out());
  }
  return absl::OkStatus();
}

absl::Status ShowFiling(const Session& session, const FilingOptions& options) {
  if (!options.address.empty() && !options.domain.empty()) return CheckWhoseFiling(options);
  return options.address.empty() ? ShowDomainFiling(session, options)
                                 : ShowAccountFiling(session, options);
}

absl::Status Tell(const Session& session, const std::string& whose, const char* outcome) {
  session.out() << "The filing rules of " << Printable(whose) << " are " << outcome << ".\n";
  return absl::OkStatus();
}

// `rules`: null: those of the account's domain again, or none for a domain.
absl::Status ApplyFiling(const Session& session, const FilingOptions& options,
                         const v1::FilingRules* rules, const char* outcome) {
  const auto stub = AccountsService::NewStub(session.channel());
  const auto context = session.ShortCall();
  if (!options.domain.empty()) {
    v1::SetDomainFilingRequest request;
    request.mutable_domain_filing()->set_domain(options.domain);
    if (rules != nullptr) *request.mutable_domain_filing()->mutable_rules() = *rules;
    v1::SetDomainFilingResponse response;
    const absl::Status status =
        FromGrpcStatus(stub->SetDomainFiling(context.get(), request, &response));
    if (!status.ok()) return status;
    const v1::DomainFiling& now = response.domain_filing();
    if (!session.json()) return Tell(session, now.domain(), outcome);
    session.PrintJson({{"domain", now.domain()}, {"filing_rules", ToJson(now.rules())}});
    return absl::OkStatus();
  }
  v1::UpdateAccountRequest request;
  request.mutable_account()->set_address(options.address);
  if (rules != nullptr) *request.mutable_account()->mutable_filing_rules() = *rules;
  request.mutable_update_mask()->add_paths("filing_rules");
  v1::UpdateAccountResponse response;
  const absl::Status status =
      FromGrpcStatus(stub->UpdateAccount(context.get(), request, &response));
  if (!status.ok()) return status;
  if (!session.json()) return Tell(session, response.account().address(), outcome);
  session.PrintJson(ToJson(response.account()));
  return absl::OkStatus();
}

absl::Status SetFiling(const Session& session, const FilingOptions& options) {
  const absl::Status whose = CheckWhoseFiling(options);
  if (!whose.ok()) return whose;
  const bool some = options.spam || !options.rules.empty();
  if (some == options.none) {
    return UsageError("give what to set: --spam or --rule, or else --none");
  }
  v1::FilingRules rules;
  std::vector<std::string> texts = options.rules;
  if (options.spam) texts.insert(texts.begin(), kSpamRule);
  for (const std::string& text : texts) {
    absl::StatusOr<v1::FilingRule> rule = ParseFilingRule(text);
    if (!rule.ok()) return rule.status();
    *rules.add_rules() = *std::move(rule);
  }
  return ApplyFiling(session, options, &rules, "set");
}

absl::Status UnsetFiling(const Session& session, const FilingOptions& options) {
  const absl::Status whose = CheckWhoseFiling(options);
  if (!whose.ok()) return whose;
  return ApplyFiling(session, options, nullptr,
                     options.domain.empty() ? "its domain's again" : "taken away");
}

CLI::App* AddFilingVerb(CLI::App* filing, const char* name, const char* what, Action* action,
                        const std::shared_ptr<FilingOptions>& options,
                        absl::Status (*run)(const Session&, const FilingOptions&)) {
  CLI::App* verb = AddVerb(filing, name, what, action, options, run);
  verb->add_option("ADDRESS", options->address, "The account's address");
  verb->add_option("--domain", options->domain, "In place of an account: all of a domain")
      ->type_name("DOMAIN");
  return verb;
}

}  // namespace

absl::StatusOr<v1::FilingRule> ParseFilingRule(absl::string_view text) {
  const auto wrong = [text](absl::string_view why) {
    return UsageError(absl::StrCat("--rule: '", text, "' ", why,
                                   ": give such as 'X-Spam-Flag: YES -> \\Junk' or "
                                   "'X-Spam-Status: Yes... -> Spam'"));
  };
  const size_t arrow = text.rfind(kArrow);
  if (arrow == absl::string_view::npos) return wrong("says no mailbox");
  const absl::string_view condition = text.substr(0, arrow);
  const size_t colon = condition.find(':');
  if (colon == absl::string_view::npos) return wrong("has no colon behind a field's name");
  const absl::string_view field = absl::StripAsciiWhitespace(condition.substr(0, colon));
  absl::string_view value = absl::StripAsciiWhitespace(condition.substr(colon + 1));
  const absl::string_view mailbox =
      absl::StripAsciiWhitespace(text.substr(arrow + sizeof(kArrow) - 1));
  if (field.empty()) return wrong("names no field");
  if (mailbox.empty()) return wrong("says no mailbox");
  v1::FilingRule rule;
  const bool prefix = absl::ConsumeSuffix(&value, kPrefixMark);
  rule.set_match(prefix ? v1::FilingRule::MATCH_PREFIX : v1::FilingRule::MATCH_EQUALS);
  rule.set_field(std::string(field));
  rule.set_value(std::string(value));
  rule.set_mailbox(std::string(mailbox));
  return rule;
}

std::string FormatCondition(const v1::FilingRule& rule) {
  return absl::StrCat(rule.field(), ": ", rule.value(),
                      rule.match() == v1::FilingRule::MATCH_PREFIX ? kPrefixMark : "");
}

Json ToJson(const v1::FilingRules& rules) {
  Json list = Json::array();
  for (const v1::FilingRule& rule : rules.rules()) {
    const bool prefix = rule.match() == v1::FilingRule::MATCH_PREFIX;
    list.push_back({{"field", rule.field()},
                    {"match", prefix ? "prefix" : "equals"},
                    {"value", rule.value()},
                    {"mailbox", rule.mailbox()}});
  }
  return list;
}

void AddFilingCommands(CLI::App* app, Action* action) {
  CLI::App* filing = app->add_subcommand(
      "filing", "Into which mailbox mail goes by its header, as a spam filter has marked it");
  filing->require_subcommand(1);
  const auto options = std::make_shared<FilingOptions>();
  AddFilingVerb(filing, "show", "Show what holds for an account, or the rules of domains",
                action, options, ShowFiling);
  CLI::App* set = AddFilingVerb(filing, "set", "Set an account's rules, or a domain's, anew",
                                action, options, SetFiling);
  set->add_flag("--spam", options->spam, "The rule 'X-Spam-Flag: YES -> \\Junk'");
  set->add_option("--rule", options->rules,
                  "A field of the header, what it holds (or with ... begins with), and where "
                  "that goes: a mailbox, or \\Junk for the one with this use; may be given "
                  "several times, and the first that applies decides")
      ->type_name("'FIELD: VALUE -> MAILBOX'")
      ->allow_extra_args(false);
  set->add_flag("--none", options->none, "No rules, whatever the domain has");
  AddFilingVerb(filing, "unset",
                "Let an account have its domain's rules again, or a domain none", action,
                options, UnsetFiling);
}

}  // namespace restante::ctl
