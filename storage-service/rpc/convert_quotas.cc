// Quotas as the contract has them.
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "storage-service/rpc/convert.h"

namespace restante::rpc {

bool NameQuota(absl::string_view path, absl::string_view prefix, const v1::Quota& quota,
               store::QuotaChange* change) {
  if (!absl::ConsumePrefix(&path, prefix)) return false;
  const bool all = path.empty();
  if (!all && path != ".octets" && path != ".messages") return false;
  if (all || path == ".octets") {
    change->octets.emplace();
    if (quota.has_octets()) *change->octets = quota.octets();
  }
  if (all || path == ".messages") {
    change->messages.emplace();
    if (quota.has_messages()) *change->messages = quota.messages();
  }
  return true;
}

absl::StatusOr<store::DomainQuotaChange> ChangeOf(const v1::SetDomainQuotaRequest& request) {
  const v1::DomainQuota& quota = request.domain_quota();
  store::DomainQuotaChange change;
  for (const std::string& path : request.update_mask().paths()) {
    if (!NameQuota(path, "account_quota", quota.account_quota(), &change.accounts) &&
        !NameQuota(path, "total", quota.total(), &change.total)) {
      return InvalidRequest(absl::StrCat("update_mask: \"", path,
                                         "\" can't be changed; \"account_quota\", \"total\" "
                                         "and their fields can"));
    }
  }
  if (request.update_mask().paths().empty()) {
    NameQuota("account_quota", "account_quota", quota.account_quota(), &change.accounts);
    NameQuota("total", "total", quota.total(), &change.total);
  }
  return change;
}

void ToProto(const store::Quota& quota, v1::Quota* out) {
  if (quota.octets) out->set_octets(*quota.octets);
  if (quota.messages) out->set_messages(*quota.messages);
}

void ToProto(const store::DomainQuota& quota, v1::DomainQuota* out) {
  out->set_domain(quota.domain);
  ToProto(quota.accounts, out->mutable_account_quota());
  ToProto(quota.total, out->mutable_total());
  out->set_used_octets(quota.used.octets);
  out->set_message_count(quota.used.messages);
  out->set_usage_known(quota.used_known);
}

void ToProto(const store::DomainQuotaList& quotas, v1::ListDomainQuotasResponse* out) {
  for (const store::DomainQuota& quota : quotas.domains) ToProto(quota, out->add_domains());
  ToProto(quotas.service, out->mutable_service_quota());
  out->set_grace_percent(quotas.grace.percent);
  out->set_grace_octets(quotas.grace.octets);
}

}  // namespace restante::rpc
