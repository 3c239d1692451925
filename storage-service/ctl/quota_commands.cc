#include "storage-service/ctl/quota_commands.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config_values.h"
#include "common/grpc_status.h"
#include "restante/v1/accounts.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/table.h"
#include "storage-service/ctl/verb.h"

namespace restante::ctl {
namespace {

using v1::AccountsService;

constexpr char kInherit[] = "inherit";

struct QuotaOptions {
  std::string address;
  std::string domain;
  std::string size;
  std::string messages;
  std::string account_size;
  std::string account_messages;
};

absl::StatusOr<uint64_t> ParseCount(absl::string_view what, const std::string& text) {
  uint64_t count = 0;
  if (text == "none" || absl::SimpleAtoi(text, &count)) return count;
  return UsageError(absl::StrCat(
      what, ": '", text, "' is no number of messages: give such as 10000, none or ", kInherit));
}

// Takes what was given into the quota, and the paths of what is to be changed.
absl::Status ReadLimits(const std::string& prefix, const std::string& size_name,
                        const std::string& size, const std::string& messages_name,
                        const std::string& messages, v1::Quota* quota,
                        google::protobuf::FieldMask* mask) {
  if (!size.empty()) {
    mask->add_paths(absl::StrCat(prefix, ".octets"));
    if (size != kInherit) {
      const absl::StatusOr<uint64_t> octets = ParseSize(size_name, size);
      if (!octets.ok()) return octets.status();
      quota->set_octets(*octets);
    }
  }
  if (!messages.empty()) {
    mask->add_paths(absl::StrCat(prefix, ".messages"));
    if (messages != kInherit) {
      const absl::StatusOr<uint64_t> count = ParseCount(messages_name, messages);
      if (!count.ok()) return count.status();
      quota->set_messages(*count);
    }
  }
  return absl::OkStatus();
}

absl::Status SetAccountQuota(const Session& session, const QuotaOptions& options) {
  v1::UpdateAccountRequest request;
  request.mutable_account()->set_address(options.address);
  if (!options.size.empty() && options.size != kInherit) {
    // As services know it that know no other quota.
    const absl::StatusOr<uint64_t> octets = ParseSize("SIZE", options.size);
    if (!octets.ok()) return octets.status();
    request.mutable_account()->set_quota_octets(*octets);
    request.mutable_update_mask()->add_paths("quota_octets");
  }
  const absl::Status read =
      ReadLimits("quota", "SIZE", options.size == kInherit ? options.size : "", "--messages",
                 options.messages, request.mutable_account()->mutable_quota(),
                 request.mutable_update_mask());
  if (!read.ok()) return read;
  if (request.update_mask().paths().empty()) {
    return UsageError("give a SIZE or --messages; accounts show tells what is set");
  }
  v1::UpdateAccountResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->UpdateAccount(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(ToJson(response.account()));
    return absl::OkStatus();
  }
  session.out() << Printable(response.account().address()) << " now has a quota of "
                << FormatLimits(response.account().effective_quota()) << ".\n";
  return absl::OkStatus();
}

Json DomainJson(const v1::DomainQuota& quota) {
  Json json = {{"domain", quota.domain()},
               {"account_quota", ToJson(quota.account_quota())},
               {"total", ToJson(quota.total())}};
  if (quota.usage_known()) {
    json["used_octets"] = quota.used_octets();
    json["message_count"] = quota.message_count();
  }
  return json;
}

absl::Status SetDomainQuota(const Session& session, const QuotaOptions& options) {
  v1::SetDomainQuotaRequest request;
  v1::DomainQuota* quota = request.mutable_domain_quota();
  quota->set_domain(options.domain);
  absl::Status read =
      ReadLimits("total", "--octets", options.size, "--messages", options.messages,
                 quota->mutable_total(), request.mutable_update_mask());
  if (!read.ok()) return read;
  read = ReadLimits("account_quota", "--account-octets", options.account_size,
                    "--account-messages", options.account_messages,
                    quota->mutable_account_quota(), request.mutable_update_mask());
  if (!read.ok()) return read;
  if (request.update_mask().paths().empty()) {
    return UsageError(
        "give what to set: --octets, --messages, --account-octets, --account-messages");
  }
  v1::SetDomainQuotaResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->SetDomainQuota(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(DomainJson(response.domain_quota()));
    return absl::OkStatus();
  }
  const v1::DomainQuota& now = response.domain_quota();
  session.out() << "The quota of " << Printable(now.domain()) << " is set: in all "
                << FormatLimits(now.total()) << ", for each account "
                << FormatLimits(now.account_quota()) << ".\n";
  return absl::OkStatus();
}

absl::Status ShowDomains(const Session& session, const QuotaOptions& options) {
  v1::ListDomainQuotasRequest request;
  request.set_domain(options.domain);
  v1::ListDomainQuotasResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->ListDomainQuotas(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    Json domains = Json::array();
    for (const v1::DomainQuota& quota : response.domains())
      domains.push_back(DomainJson(quota));
    session.PrintJson({{"domains", std::move(domains)},
                       {"service_quota", ToJson(response.service_quota())},
                       {"grace_percent", response.grace_percent()},
                       {"grace_octets", response.grace_octets()}});
    return absl::OkStatus();
  }
  Table table({{"DOMAIN"},
               {"IN ALL"},
               {"USED", Table::Align::kRight},
               {"MESSAGES", Table::Align::kRight},
               {"FOR EACH ACCOUNT"}});
  for (const v1::DomainQuota& quota : response.domains()) {
    table.Add({quota.domain(), FormatLimits(quota.total()),
               quota.usage_known() ? FormatOctets(quota.used_octets()) : "-",
               quota.usage_known() ? absl::StrCat(quota.message_count()) : "-",
               FormatLimits(quota.account_quota())});
  }
  table.Add({"(service)", "-", "-", "-", FormatLimits(response.service_quota())});
  table.Print(session.out());
  return absl::OkStatus();
}

constexpr char kSizes[] = "Octets, or such as 500MB or 2GiB; none: no limit; inherit";
constexpr char kCounts[] = "How many messages; none: no limit; inherit";

}  // namespace

absl::StatusOr<uint64_t> ParseSize(absl::string_view what, const std::string& text) {
  if (text == "none") return 0;
  const std::optional<uint64_t> octets = ParseConfigOctets(text);
  if (octets.has_value()) return *octets;
  return UsageError(absl::StrCat(
      what, ": '", text, "' is no size: give octets, or such as 500MB or 2GiB, or none"));
}

std::string FormatLimits(const v1::Quota& quota) {
  if (!quota.has_octets() && !quota.has_messages()) return "inherited";
  std::vector<std::string> limits;
  if (quota.octets() > 0)
    limits.push_back(absl::StrCat(FormatOctets(quota.octets()), " octets"));
  if (quota.messages() > 0) limits.push_back(absl::StrCat(quota.messages(), " messages"));
  return limits.empty() ? "none" : absl::StrJoin(limits, ", ");
}

Json ToJson(const v1::Quota& quota) {
  Json json = {{"octets", nullptr}, {"messages", nullptr}};
  if (quota.has_octets()) json["octets"] = quota.octets();
  if (quota.has_messages()) json["messages"] = quota.messages();
  return json;
}

void AddAccountQuotaCommand(CLI::App* accounts, Action* action) {
  const auto options = std::make_shared<QuotaOptions>();
  CLI::App* quota = AddAccountVerb(accounts, "quota", "Set how much mail an account may have",
                                   action, options, SetAccountQuota);
  quota->add_option("SIZE", options->size, kSizes);
  quota->add_option("--messages", options->messages, kCounts)->type_name("N");
}

void AddDomainsCommands(CLI::App* app, Action* action) {
  CLI::App* domains =
      app->add_subcommand("domains", "How much mail the accounts of a domain may have");
  domains->require_subcommand(1);
  const auto options = std::make_shared<QuotaOptions>();
  AddVerb(domains, "show", "Show the quotas of all domains, or of one, and what they hold",
          action, options, ShowDomains)
      ->add_option("DOMAIN", options->domain, "Only this one");
  CLI::App* quota = AddVerb(domains, "quota",
                            "Set what all accounts of a domain may have together, and what "
                            "each has that says nothing itself",
                            action, options, SetDomainQuota);
  quota->add_option("DOMAIN", options->domain, "The domain")->required();
  quota->add_option("--octets", options->size, kSizes)->type_name("SIZE");
  quota->add_option("--messages", options->messages, kCounts)->type_name("N");
  quota->add_option("--account-octets", options->account_size, kSizes)->type_name("SIZE");
  quota->add_option("--account-messages", options->account_messages, kCounts)->type_name("N");
}

}  // namespace restante::ctl
