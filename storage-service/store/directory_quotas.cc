// The directory's part in quotas: what holds for an account, and for its domain. The
// amounts are kept by usage.h and domain_quotas.h.
#include <utility>

#include "storage-service/store/addresses.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/domain_quotas.h"
#include "storage-service/store/quota_claim.h"
#include "storage-service/store/usage.h"

namespace restante::store {
namespace {

// How many accounts are counted at most before an operator gets an answer.
constexpr size_t kCountedForAnAnswer = 5'000;

}  // namespace

Task<absl::StatusOr<QuotaClaim>> Directory::QuotaOf(Entry account, For use) {
  QuotaClaim claim;
  const Quota quota = quotas_->Effective(account->quota, account->domain);
  QuotaLimits limits{quota.octets.value_or(0), quota.messages.value_or(0), 0};
  if (use == For::kDelivery) limits.grace_octets = quotas_->grace().Of(limits.octets);
  if (limits.any()) {
    absl::StatusOr<std::shared_ptr<Usage>> usage = co_await UsageOf(account);
    if (!usage.ok()) co_return usage.status();
    claim.SetAccount(account->address, limits, *std::move(usage));
  }
  if (!account->domain.empty()) {
    DomainQuotas::Total total = quotas_->TotalOf(account->domain);
    if (total.usage != nullptr) {
      claim.SetDomain(account->domain, total.limits, std::move(total.usage));
    }
  }
  co_return claim;
}

Task<absl::StatusOr<DomainQuota>> Directory::SetDomainQuota(std::string domain,
                                                            DomainQuotaChange change) {
  absl::StatusOr<std::string> normalized = NormalizeDomain(domain);
  if (!normalized.ok()) co_return normalized.status();
  absl::StatusOr<DomainQuota> changed =
      co_await quotas_->Change(*std::move(normalized), std::move(change));
  recipient_changes_.NoteEverything();
  co_return changed;
}

Task<absl::StatusOr<DomainQuotaList>> Directory::ListDomainQuotas(std::string domain) {
  if (!domain.empty()) {
    absl::StatusOr<std::string> normalized = NormalizeDomain(domain);
    if (!normalized.ok()) co_return normalized.status();
    domain = *std::move(normalized);
  }
  const absl::Status walked = co_await quotas_->Walk(kCountedForAnAnswer);
  if (!walked.ok()) co_return walked;
  DomainQuotaList list{quotas_->List(), quotas_->service_quota(), quotas_->grace()};
  if (!domain.empty()) {
    std::erase_if(list.domains,
                  [&](const DomainQuota& entry) { return entry.domain != domain; });
  }
  co_return list;
}

}  // namespace restante::store
