// Many accounts at once. Everything that can be wrong with an entry is looked at
// before the first account is made; then mailboxes and shards are written side by
// side, and last the addresses, slice by slice, which bring the accounts to life.
//
// What no check can foresee, a store that fails between two slices, leaves some
// accounts made and the others not; the error says how many.
#include <algorithm>
#include <array>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/errors.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/concurrently.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/new_account.h"
#include "storage-service/store/password_pool.h"
#include "storage-service/store/passwords.h"
#include "storage-service/store/reservations.h"

namespace restante::store {
namespace {

constexpr size_t kMaxProblems = 100;
// Enough to fill the committer's batches, few enough for others to get a turn.
constexpr size_t kWritesAtOnce = 128;
// Of one slice, in one commit.
constexpr size_t kMappingsPerCommit = 1000;

}  // namespace

struct Directory::Plan {
  // What became of an account of the plan; each is touched by one lane at a time.
  enum class Fate : uint8_t { kNotMade, kMade, kUnknown };

  std::vector<NewAccount> accounts;
  std::vector<Planned> planned;
  std::vector<Fate> fates;
  // Indexes into `planned`, by the slice of the address.
  std::array<std::vector<size_t>, AddressMap::kSlices> slices;

  absl::Mutex mutex;
  std::vector<ImportProblem> problems ABSL_GUARDED_BY(mutex);
  // The first error that is no entry's fault.
  absl::Status failure ABSL_GUARDED_BY(mutex);

  explicit Plan(std::vector<NewAccount> entries)
      : accounts(std::move(entries)), planned(accounts.size()), fates(accounts.size()) {}

  ~Plan() {
    for (NewAccount& account : accounts) {
      if (auto* password = std::get_if<Password>(&account.credential)) Wipe(&password->clear);
    }
  }

  void Object(size_t index, const absl::Status& why) ABSL_LOCKS_EXCLUDED(mutex) {
    absl::MutexLock lock(&mutex);
    problems.push_back({index, std::string(why.message())});
  }
  void Fail(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex) {
    absl::MutexLock lock(&mutex);
    if (failure.ok()) failure = status;
  }
  bool Failed() ABSL_LOCKS_EXCLUDED(mutex) {
    absl::MutexLock lock(&mutex);
    return !failure.ok();
  }
  // Nothing speaks against going on.
  bool Sound() ABSL_LOCKS_EXCLUDED(mutex) {
    absl::MutexLock lock(&mutex);
    return failure.ok() && problems.empty();
  }

  // The answer of an import that stopped before it made anything.
  absl::StatusOr<ImportReport> Refusal() ABSL_LOCKS_EXCLUDED(mutex) {
    absl::MutexLock lock(&mutex);
    if (!failure.ok()) return failure;
    ImportReport report;
    report.problems = std::move(problems);
    std::sort(report.problems.begin(), report.problems.end(),
              [](const ImportProblem& a, const ImportProblem& b) { return a.index < b.index; });
    if (report.problems.size() > kMaxProblems) report.problems.resize(kMaxProblems);
    return report;
  }

  // Entries that are wrong by themselves, or twice here.
  void CheckEntries(Reservations::Hold* hold) {
    absl::flat_hash_set<std::string> seen;
    for (size_t i = 0; i < accounts.size(); ++i) {
      absl::StatusOr<std::string> normalized = NormalizeAccountAddress(accounts[i].address);
      if (!normalized.ok()) {
        Object(i, normalized.status());
        continue;
      }
      const auto* crypt = std::get_if<CryptHash>(&accounts[i].credential);
      const absl::Status sound =
          crypt != nullptr
              ? CheckCryptHash(crypt->hash)
              : PreparePassword(std::get<Password>(accounts[i].credential).clear).status();
      if (!sound.ok()) {
        Object(i, sound);
      } else if (!seen.insert(*normalized).second) {
        Object(i, MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                            absl::StrCat("the address ", accounts[i].address,
                                         " appears a second time")));
      } else if (!hold->Take(*normalized)) {
        Object(i, AccountExists(accounts[i].address));
      }
      planned[i].normalized = *std::move(normalized);
    }
  }
};

Task<absl::StatusOr<ImportReport>> Directory::Import(std::vector<NewAccount> accounts) {
  Plan plan(std::move(accounts));
  const size_t count = plan.accounts.size();
  Reservations::Hold hold(reservations_.get());
  plan.CheckEntries(&hold);
  co_await Concurrently(count, kWritesAtOnce, [&](size_t i) { return CheckFree(&plan, i); });
  if (!plan.Sound()) co_return plan.Refusal();

  // One more than there are threads, so that none waits for its next.
  const size_t hashings = static_cast<size_t>(passwords_->threads()) + 1;
  co_await Concurrently(count, hashings, [&](size_t i) { return HashOne(&plan, i); });
  if (!plan.Sound()) co_return plan.Refusal();

  co_await Concurrently(count, kWritesAtOnce, [&](size_t i) { return BuildOne(&plan, i); });
  for (size_t i = 0; i < count; ++i) {
    plan.slices[AddressMap::SliceOf(plan.planned[i].normalized)].push_back(i);
  }
  if (plan.Sound()) {
    co_await Concurrently(AddressMap::kSlices, kWritesAtOnce,
                          [&](size_t slice) { return InsertSlice(&plan, slice); });
  }
  if (plan.Sound()) co_return ImportReport{count, {}};

  co_await Concurrently(count, kWritesAtOnce, [&](size_t i) { return DemolishOne(&plan, i); });
  const auto made = std::count_if(plan.fates.begin(), plan.fates.end(),
                                  [](Plan::Fate fate) { return fate != Plan::Fate::kNotMade; });
  absl::MutexLock lock(&plan.mutex);
  if (made == 0) co_return plan.failure;
  co_return MakeError(v1::ERROR_REASON_STORE_FAILURE,
                      absl::StrCat("the import broke off with about ", made, " of ", count,
                                   " accounts made: ", plan.failure.message()));
}

Task<void> Directory::CheckFree(Plan* plan, size_t index) {
  const Planned& planned = plan->planned[index];
  if (planned.normalized.empty() || plan->Failed()) co_return;
  const auto taken = co_await addresses_->IsTaken(planned.normalized);
  if (!taken.ok()) {
    plan->Fail(taken.status());
  } else if (*taken) {
    plan->Object(index, AccountExists(plan->accounts[index].address));
  }
}

Task<void> Directory::HashOne(Plan* plan, size_t index) {
  if (plan->Failed()) co_return;
  NewAccount& account = plan->accounts[index];
  absl::StatusOr<std::string> hash = co_await HashOf(std::move(account.credential));
  if (!hash.ok()) {
    plan->Fail(hash.status());
    co_return;
  }
  Planned& planned = plan->planned[index];
  planned = PlanAccount(account.address, planned.normalized, QuotaOfNew(account));
  planned.password_hash = *std::move(hash);
}

Task<void> Directory::BuildOne(Plan* plan, size_t index) {
  if (plan->Failed()) co_return;
  const absl::Status built = co_await Build(&plan->planned[index]);
  if (!built.ok()) plan->Fail(built);
}

Task<void> Directory::InsertSlice(Plan* plan, size_t slice) {
  const std::vector<size_t>& indexes = plan->slices[slice];
  for (size_t begin = 0; begin < indexes.size() && !plan->Failed();
       begin += kMappingsPerCommit) {
    const size_t end = std::min(indexes.size(), begin + kMappingsPerCommit);
    std::vector<AddressMap::Mapping> mappings;
    for (size_t i = begin; i < end; ++i) {
      const Planned& planned = plan->planned[indexes[i]];
      mappings.emplace_back(planned.normalized, planned.account);
    }
    const absl::Status inserted = co_await addresses_->Insert(std::move(mappings));
    Plan::Fate fate = Plan::Fate::kMade;
    if (!inserted.ok()) {
      fate = absl::IsUnavailable(inserted) ? Plan::Fate::kUnknown : Plan::Fate::kNotMade;
      plan->Fail(inserted);
    }
    for (size_t i = begin; i < end; ++i) plan->fates[indexes[i]] = fate;
  }
}

Task<void> Directory::DemolishOne(Plan* plan, size_t index) {
  if (plan->fates[index] != Plan::Fate::kNotMade) co_return;
  co_await Demolish(&plan->planned[index]);
}

}  // namespace restante::store
