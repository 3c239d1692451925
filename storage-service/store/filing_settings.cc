#include "storage-service/store/filing_settings.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/shard_calls.h"

namespace restante::store {
namespace {

constexpr char kDomainFilingPrefix = 'f';

// Beside the quotas and the policies: others change those.
engine::ShardId FilingShard() {
  std::string id(16, '\0');
  id.back() = 4;
  return {engine::ShardId::Kind::kService, *Id128::FromOctets(id)};
}

std::string FilingKey(absl::string_view domain) {
  return absl::StrCat(absl::string_view(&kDomainFilingPrefix, 1), domain);
}

}  // namespace

Task<absl::Status> FilingSettings::Start() {
  engine::ScanRequest request;
  request.shard = FilingShard();
  request.begin = std::string(1, kDomainFilingPrefix);
  request.end = std::string(1, kDomainFilingPrefix + 1);
  while (true) {
    const auto page = co_await ScanKeys(engine_, request);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      format::FilingRules record;
      if (!record.ParseFromString(std::string(value))) {
        co_return CorruptRecord("a domain's filing rules");
      }
      Put(std::string(key.substr(1)), FromRecord(record));
    }
    if (page->next.empty()) co_return absl::OkStatus();
    request.begin = page->next;
  }
}

void FilingSettings::Put(const std::string& domain, std::optional<FilingRules> rules) {
  absl::MutexLock lock(&mutex_);
  if (rules) {
    domains_[domain] = std::make_shared<const FilingRules>(*std::move(rules));
  } else {
    domains_.erase(domain);
  }
}

FilingSettings::Rules FilingSettings::Of(absl::string_view domain) const {
  absl::MutexLock lock(&mutex_);
  const auto found = domains_.find(domain);
  return found == domains_.end() ? nullptr : found->second;
}

Task<absl::Status> FilingSettings::Set(std::string domain, std::optional<FilingRules> rules) {
  AsyncMutex::Guard turn = co_await turn_.Lock();
  std::optional<std::string> value;
  if (rules) {
    format::FilingRules record;
    ToRecord(*rules, &record);
    value = record.SerializeAsString();
  }
  const absl::Status written =
      co_await WriteKey(engine_, FilingShard(), FilingKey(domain), std::move(value));
  if (absl::IsUnavailable(written)) {
    // Whether it was written after all is for the shard to say.
    const auto there = co_await GetKey(engine_, FilingShard(), FilingKey(domain));
    format::FilingRules record;
    if (there.ok() && !there->has_value()) Put(domain, std::nullopt);
    if (there.ok() && there->has_value() && record.ParseFromString(**there)) {
      Put(domain, FromRecord(record));
    }
  }
  if (!written.ok()) co_return written;
  Put(domain, std::move(rules));
  co_return absl::OkStatus();
}

std::vector<DomainFiling> FilingSettings::List() const {
  absl::MutexLock lock(&mutex_);
  std::vector<DomainFiling> listed;
  for (const auto& [domain, rules] : domains_) listed.push_back({domain, *rules});
  return listed;
}

}  // namespace restante::store
