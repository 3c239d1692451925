// The directory's part in aliases: where an address leads, and who may change that.
// What is stored is alias_map.h's.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/alias_map.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/slice_place.h"

namespace restante::store {
namespace {

constexpr size_t kMostAliasesInPage = 1000;

absl::Status BadAlias(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_BAD_ALIAS, message);
}

absl::Status NoSuchAlias(absl::string_view address) {
  return MakeError(v1::ERROR_REASON_NO_SUCH_ALIAS, absl::StrCat("there is no alias ", address));
}

// Also of a catch-all, "@domain".
absl::StatusOr<std::string> NormalizeAliasAddress(absl::string_view address) {
  if (address.empty() || address.front() != '@') return NormalizeAddress(address);
  absl::StatusOr<std::string> domain = NormalizeDomain(address.substr(1));
  if (!domain.ok()) return domain.status();
  return absl::StrCat("@", *domain);
}

}  // namespace

// A walk through all that an alias leads to.
struct Directory::Expansion {
  std::vector<Entry> accounts;
  std::vector<std::string> details;  // of these accounts
  absl::flat_hash_set<AccountId> seen;
  absl::flat_hash_set<std::string> expanded;  // aliases that were walked through
  std::vector<std::string> path;              // aliases from the first to this one
  size_t targets = 0;                         // looked at so far

  absl::Status Enter(const std::string& alias) {
    if (std::find(path.begin(), path.end(), alias) != path.end()) {
      return BadAlias(absl::StrCat("the alias ", alias, " leads back to itself: ",
                                   absl::StrJoin(path, " -> "), " -> ", alias));
    }
    path.push_back(alias);
    if (path.size() <= kMostAliasSteps) return absl::OkStatus();
    return BadAlias(absl::StrCat("the alias ", path.front(), " leads over more than ",
                                 kMostAliasSteps, " aliases: ", absl::StrJoin(path, " -> ")));
  }
  absl::Status CountTarget() {
    if (++targets <= kMostAliasTargets) return absl::OkStatus();
    return BadAlias(absl::StrCat("the alias ", path.front(), " has more than ",
                                 kMostAliasTargets, " targets in all"));
  }
};

Task<absl::StatusOr<Directory::Route>> Directory::FindRecipient(std::string address) {
  const absl::StatusOr<std::string> normalized = NormalizeAddress(address);
  if (!normalized.ok()) co_return normalized.status();
  absl::StatusOr<Addressed> found = co_await FindAddressed(*normalized);
  if (!found.ok()) co_return found.status();
  Route route;
  std::string detail = found->without_detail ? DetailOf(address) : std::string();
  if (found->account != nullptr) {
    route.accounts.push_back(std::move(found->account));
    route.details.push_back(std::move(detail));
    co_return route;
  }
  if (!found->alias) {
    const std::string domain = DomainOf(*normalized);
    if (domain.empty()) co_return NoSuchAccount(*normalized);
    absl::StatusOr<std::optional<AliasMap::Alias>> catch_all =
        co_await aliases_->Find(absl::StrCat("@", domain));
    if (!catch_all.ok()) co_return catch_all.status();
    if (!catch_all->has_value()) co_return NoSuchAccount(*normalized);
    detail.clear();  // of an address that is nobody's
    found->alias = **std::move(catch_all);
  }
  route.alias = found->alias->address;
  Expansion expansion;
  const absl::Status expanded =
      co_await Expand(*std::move(found->alias), std::move(detail), &expansion);
  if (!expanded.ok()) co_return expanded;
  if (expansion.accounts.empty()) {
    co_return MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT,
                        absl::StrCat("the alias ", route.alias, " leads to no account"));
  }
  route.accounts = std::move(expansion.accounts);
  route.details = std::move(expansion.details);
  co_return route;
}

Task<absl::StatusOr<Directory::Addressed>> Directory::FindExactly(std::string normalized) {
  Addressed addressed;
  absl::StatusOr<Entry> account = co_await FindNormalized(normalized);
  if (account.ok()) {
    addressed.account = *std::move(account);
    co_return addressed;
  }
  if (!IsNoSuchAccount(account.status())) co_return account.status();
  absl::StatusOr<std::optional<AliasMap::Alias>> alias =
      co_await aliases_->Find(std::move(normalized));
  if (!alias.ok()) co_return alias.status();
  addressed.alias = *std::move(alias);
  co_return addressed;
}

Task<absl::StatusOr<Directory::Addressed>> Directory::FindAddressed(std::string normalized) {
  absl::StatusOr<Addressed> found = co_await FindExactly(normalized);
  if (!found.ok() || found->account != nullptr || found->alias) co_return found;
  std::optional<std::string> without_detail = WithoutDetail(normalized);
  if (!without_detail.has_value()) co_return found;
  absl::StatusOr<Addressed> base = co_await FindExactly(*std::move(without_detail));
  if (base.ok()) base->without_detail = true;
  co_return base;
}

Task<absl::StatusOr<Directory::Addressed>> Directory::FindTarget(AliasMap::Target target) {
  if (target.account) {
    absl::StatusOr<Entry> account = co_await FindById(*target.account);
    if (account.ok()) {
      // Or it was renamed, which makes a difference only to an address with a +.
      const bool own = NormalizeAddress((*account)->address).value_or("") == target.address;
      co_return Addressed{*std::move(account), {}, !own};
    }
    if (!IsNoSuchAccount(account.status())) co_return account.status();
  }
  absl::StatusOr<Addressed> found = co_await FindAddressed(std::move(target.address));
  co_return found;
}

Task<absl::Status> Directory::Expand(AliasMap::Alias alias, std::string detail,
                                     Expansion* expansion) {
  const absl::Status entered = expansion->Enter(alias.address);
  if (!entered.ok()) co_return entered;
  // With one target it is another name of that; with several it is a list, and nobody's.
  if (alias.targets.size() > 1) detail.clear();
  for (const AliasMap::Target& target : alias.targets) {
    const absl::Status counted = expansion->CountTarget();
    if (!counted.ok()) co_return counted;
    absl::StatusOr<Addressed> found = co_await FindTarget(target);
    if (!found.ok()) co_return found.status();
    std::string next = found->without_detail ? DetailOf(target.address) : std::string();
    if (next.empty()) next = detail;
    if (found->account != nullptr) {
      if (expansion->seen.insert(found->account->id).second) {
        expansion->accounts.push_back(std::move(found->account));
        expansion->details.push_back(std::move(next));
      }
    } else if (found->alias && !expansion->expanded.contains(found->alias->address)) {
      const absl::Status expanded =
          co_await Expand(*std::move(found->alias), std::move(next), expansion);
      if (!expanded.ok()) co_return expanded;
    }
  }
  expansion->expanded.insert(expansion->path.back());
  expansion->path.pop_back();
  co_return absl::OkStatus();
}

Task<absl::StatusOr<AliasMap::Target>> Directory::TargetOf(std::string address) {
  absl::StatusOr<std::string> normalized = NormalizeAddress(address);
  if (!normalized.ok()) co_return normalized.status();
  absl::StatusOr<Addressed> found = co_await FindAddressed(*normalized);
  if (!found.ok()) co_return found.status();
  if (found->account != nullptr) {
    co_return AliasMap::Target{*std::move(normalized), found->account->id};
  }
  if (found->alias) co_return AliasMap::Target{found->alias->address, {}};
  co_return MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT,
                      absl::StrCat("the target ", address,
                                   " is neither an account of this store nor an alias"));
}

Task<absl::StatusOr<AliasInfo>> Directory::AddAlias(std::string address,
                                                    std::vector<std::string> targets) {
  const absl::StatusOr<std::string> normalized = NormalizeAliasAddress(address);
  if (!normalized.ok()) co_return normalized.status();
  if (targets.empty() || targets.size() > kMostAliasTargets) {
    co_return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                        absl::StrCat("targets: there are ", targets.size(),
                                     "; an alias has 1 to ", kMostAliasTargets));
  }
  AsyncMutex::Guard turn = co_await alias_turn_.Lock();
  // The commit finds it out as well; here it comes before what may be wrong with targets.
  const absl::StatusOr<Entry> account = co_await FindNormalized(*normalized);
  if (account.ok()) {
    co_return MakeError(v1::ERROR_REASON_ACCOUNT_EXISTS,
                        absl::StrCat("the address ", *normalized, " is an account's"));
  }
  if (!IsNoSuchAccount(account.status())) co_return account.status();
  absl::StatusOr<std::optional<AliasMap::Alias>> before = co_await aliases_->Find(*normalized);
  if (!before.ok()) co_return before.status();
  AliasMap::Alias alias{*normalized, {}};
  if (before->has_value()) alias.targets = std::move((*before)->targets);
  for (std::string& given : targets) {
    // Not there yet, when the alias is new.
    if (NormalizeAliasAddress(given).value_or("") == *normalized) {
      co_return BadAlias(absl::StrCat("the alias ", *normalized, " can't lead to itself"));
    }
    absl::StatusOr<AliasMap::Target> target = co_await TargetOf(std::move(given));
    if (!target.ok()) co_return target.status();
    const bool known = std::any_of(
        alias.targets.begin(), alias.targets.end(), [&](const AliasMap::Target& other) {
          return other.address == target->address && other.account == target->account;
        });
    if (!known) alias.targets.push_back(*std::move(target));
  }
  Expansion expansion;
  const absl::Status sound = co_await Expand(alias, std::string(), &expansion);
  if (!sound.ok()) co_return sound;
  AliasMap::Edit edit = [&alias](AliasMap::Alias& stored) {
    stored = alias;
    return absl::OkStatus();
  };
  absl::StatusOr<AliasMap::Alias> changed =
      co_await aliases_->Change(*normalized, std::move(edit));
  if (!changed.ok()) co_return changed.status();
  absl::StatusOr<AliasInfo> info = co_await InfoOfAlias(*std::move(changed));
  co_return info;
}

Task<absl::StatusOr<AliasInfo>> Directory::RemoveAlias(std::string address,
                                                       std::vector<std::string> targets) {
  const absl::StatusOr<std::string> normalized = NormalizeAliasAddress(address);
  if (!normalized.ok()) co_return normalized.status();
  AsyncMutex::Guard turn = co_await alias_turn_.Lock();
  absl::StatusOr<std::optional<AliasMap::Alias>> before = co_await aliases_->Find(*normalized);
  if (!before.ok()) co_return before.status();
  if (!before->has_value()) co_return NoSuchAlias(*normalized);
  AliasMap::Alias alias = **std::move(before);
  if (targets.empty()) alias.targets.clear();
  for (const std::string& given : targets) {
    const absl::StatusOr<std::string> gone = NormalizeAddress(given);
    if (!gone.ok()) co_return gone.status();
    // By the name that its account has now, or had when it was added.
    absl::StatusOr<Entry> account = co_await FindNormalized(*gone);
    if (!account.ok() && !IsNoSuchAccount(account.status())) co_return account.status();
    const auto is_meant = [&](const AliasMap::Target& target) {
      if (account.ok() && target.account) return *target.account == (*account)->id;
      return target.address == *gone;
    };
    if (std::erase_if(alias.targets, is_meant) == 0) {
      co_return MakeError(v1::ERROR_REASON_NO_SUCH_ALIAS,
                          absl::StrCat("the alias ", *normalized, " has no target ", *gone));
    }
  }
  AliasMap::Edit edit = [&alias](AliasMap::Alias& stored) {
    stored = alias;
    return absl::OkStatus();
  };
  absl::StatusOr<AliasMap::Alias> changed =
      co_await aliases_->Change(*normalized, std::move(edit));
  if (!changed.ok()) co_return changed.status();
  absl::StatusOr<AliasInfo> info = co_await InfoOfAlias(*std::move(changed));
  co_return info;
}

Task<absl::StatusOr<AliasInfo>> Directory::InfoOfAlias(AliasMap::Alias alias) {
  AliasInfo info{alias.address, {}};
  for (const AliasMap::Target& target : alias.targets) {
    absl::StatusOr<Addressed> found = co_await FindTarget(target);
    if (!found.ok()) co_return found.status();
    AliasTargetInfo& added = info.targets.emplace_back();
    added.address = target.address;
    if (found->account != nullptr && found->account->id == target.account) {
      added.address = found->account->address;
    }
    added.missing = found->account == nullptr && !found->alias;
  }
  co_return info;
}

Task<absl::StatusOr<AliasInfo>> Directory::GetAlias(std::string address) {
  const absl::StatusOr<std::string> normalized = NormalizeAliasAddress(address);
  if (!normalized.ok()) co_return normalized.status();
  absl::StatusOr<std::optional<AliasMap::Alias>> found = co_await aliases_->Find(*normalized);
  if (!found.ok()) co_return found.status();
  if (!found->has_value()) co_return NoSuchAlias(*normalized);
  absl::StatusOr<AliasInfo> info = co_await InfoOfAlias(**std::move(found));
  co_return info;
}

Task<absl::StatusOr<AliasPage>> Directory::ListAliases(std::string page_token,
                                                       size_t page_size) {
  absl::StatusOr<SlicePlace> place = SlicePlace::FromToken(page_token);
  if (!place.ok()) co_return place.status();
  page_size = std::clamp<size_t>(page_size, 1, kMostAliasesInPage);
  AliasPage page;
  while (!place->AtEnd() && page.aliases.size() < page_size) {
    absl::StatusOr<AliasMap::Page> listed = co_await aliases_->List(
        static_cast<uint8_t>(place->slice), place->after, page_size - page.aliases.size());
    if (!listed.ok()) co_return listed.status();
    for (AliasMap::Alias& alias : listed->aliases) {
      place->after = alias.address;
      absl::StatusOr<AliasInfo> info = co_await InfoOfAlias(std::move(alias));
      if (!info.ok()) co_return info.status();
      page.aliases.push_back(*std::move(info));
    }
    place->GoOn(listed->end, place->after);
  }
  page.next_page_token = place->ToToken();
  co_return page;
}

}  // namespace restante::store
