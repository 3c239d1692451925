// The power fails at each write of a scenario in turn, on a file system that then loses,
// tears and reorders what was not synced. After each: the store opens, verify is clean,
// and what was acknowledged is there. The same check is seen to fail when commits don't
// sync, and when rows are written before their bodies.
//
// With RESTANTE_LONG=1 each write fails eight times, what survives being different.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/recovery.h"
#include "storage-service/engine/rocks_engine.h"
#include "tests/crash/row_first_engine.h"
#include "tests/crash/scenario.h"
#include "tests/engine/engine_harness.h"
#include "tests/engine/forgetful_file_system.h"

namespace restante::store {
namespace {

using engine::EngineOptions;
using engine::ForgetfulFileSystem;
using engine::RocksEngine;
using testing::IsEmpty;
using testing::Not;

constexpr char kInbox[] = "anna@example.org/INBOX";
constexpr uint64_t kShares = 4;

// How the store is built: rightly, or with a mistake that the check has to find.
enum class Mistake { kNone, kNoSync, kRowFirst };

EngineOptions Options(Mistake mistake, std::shared_ptr<ForgetfulFileSystem> file_system) {
  EngineOptions options;
  // Small enough for memtables to be flushed, and logs changed, within the scenario.
  options.write_buffer_octets = 512 * 1024;
  options.sync_commits = mistake != Mistake::kNoSync;
  options.file_system = std::move(file_system);
  return options;
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& path, Mistake mistake,
                                                 const EngineOptions& options,
                                                 const Clock& clock) {
  absl::StatusOr<std::unique_ptr<engine::Engine>> engine = RocksEngine::Open(path, options);
  if (!engine.ok()) return engine.status();
  if (mistake == Mistake::kRowFirst) {
    *engine = std::make_unique<engine::RowFirstEngine>(*std::move(engine));
  }
  StoreOptions store;
  store.clock = &clock;
  store.reclaim_interval = absl::InfiniteDuration();
  store.expunged_grace = absl::Hours(2);
  store.renew_uidvalidities = engine::WasRecovered(path);
  return Store::Open(*std::move(engine), store);
}

// What the mailboxes hold after each step, from none on, and the writes of it all.
struct Reference {
  std::vector<Contents> after;
  uint64_t operations = 0;
};

Reference RunWhole() {
  engine::TestDirectory directory;
  auto file_system = std::make_shared<ForgetfulFileSystem>();
  ScenarioClock clock;
  Reference reference{{Contents{}}, 0};
  {
    auto store = OpenStore(directory.store(), Mistake::kNone,
                           Options(Mistake::kNone, file_system), clock);
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return reference;
    for (const Step& step : Scenario(&clock)) {
      const absl::Status status = step.run(**store);
      EXPECT_TRUE(status.ok()) << step.name << ": " << status;
      absl::StatusOr<Contents> contents = ReadContents(**store);
      EXPECT_TRUE(contents.ok()) << step.name << ": " << contents.status();
      reference.after.push_back(contents.value_or(Contents{}));
    }
  }
  reference.operations = file_system->operations();
  return reference;
}

std::string OctetsOf(const std::string& message) {
  return message.substr(0, message.rfind('('));
}

std::set<std::string> AllOctets(const Contents& contents) {
  std::set<std::string> all;
  for (const auto& [name, messages] : contents) {
    for (const auto& [uid, message] : messages) all.insert(OctetsOf(message));
  }
  return all;
}

using Messages = std::map<uint32_t, std::string>;

std::optional<Messages> In(const Contents& contents, const std::string& mailbox) {
  const auto found = contents.find(mailbox);
  if (found == contents.end()) return std::nullopt;
  return found->second;
}

// Each mailbox is as it was before the step in which the power failed, or as it is after
// it; and what both have is somewhere.
void Compare(const Contents& before, const Contents& after, const Contents& now,
             std::vector<std::string>* problems) {
  std::set<std::string> names;
  for (const Contents* contents : {&before, &after, &now}) {
    for (const auto& [name, messages] : *contents) names.insert(name);
  }
  for (const std::string& name : names) {
    const std::optional<Messages> there = In(now, name);
    if (there == In(before, name) || there == In(after, name)) continue;
    // It has been made, and nothing has come into it yet.
    if (there == Messages{} && !In(before, name).has_value()) continue;
    problems->push_back(absl::StrCat(name, " is neither as before nor as after"));
  }
  const std::set<std::string> kept = AllOctets(after);
  const std::set<std::string> there = AllOctets(now);
  for (const std::string& octets : AllOctets(before)) {
    if (kept.contains(octets) && !there.contains(octets)) {
      problems->push_back(absl::StrCat("lost: ", octets.substr(0, 20)));
    }
  }
}

void Verify(Store& store, bool notes_too, std::vector<std::string>* problems) {
  auto summary = SyncWait(store.Verify({.read_bodies = true}, [&](VerifyFinding finding) {
    if (finding.is_error || notes_too) {
      problems->push_back(absl::StrCat("verify: ", finding.where, ": ", finding.message));
    }
  }));
  if (!summary.ok()) problems->push_back(absl::StrCat("verify: ", summary.status().ToString()));
}

class CrashAtEachWrite : public testing::TestWithParam<uint64_t> {
 protected:
  // The power fails at the n-th write; what is wrong after that.
  std::vector<std::string> Problems(uint64_t n, uint64_t seed, Mistake mistake) {
    engine::TestDirectory directory;
    auto file_system = std::make_shared<ForgetfulFileSystem>();
    const EngineOptions options = Options(mistake, file_system);
    ScenarioClock clock;
    file_system->FreezeAtOperation(n);
    size_t done = 0;
    std::string name = "opening";
    if (auto store = OpenStore(directory.store(), mistake, options, clock); store.ok()) {
      for (const Step& step : Scenario(&clock)) {
        name = step.name;
        if (!step.run(**store).ok()) break;
        ++done;
      }
      file_system->Freeze();
    }
    file_system->LoseUnsyncedAtRandom(seed);

    std::vector<std::string> problems;
    Check(directory.store(), options, clock, done, &problems);
    for (std::string& problem : problems) {
      problem = absl::StrCat("write ", n, ", seed ", seed, ", in step '", name, "': ", problem);
    }
    return problems;
  }

  const Reference reference_ = RunWhole();
  int recovered_ = 0;

 private:
  void Check(const std::string& path, const EngineOptions& options, ScenarioClock& clock,
             size_t done, std::vector<std::string>* problems) {
    auto store = OpenStore(path, Mistake::kNone, options, clock);
    if (ReasonOf(store.status()) == v1::ERROR_REASON_CORRUPT) {
      // The log's end, which nobody was told of, is torn in a way that could as well be
      // damage: the operator has to say that it may go.
      ++recovered_;
      auto report = engine::RecoverToLastGoodPoint(path, options);
      if (!report.ok()) {
        problems->push_back(absl::StrCat("recover: ", report.status().ToString()));
        return;
      }
      store = OpenStore(path, Mistake::kNone, options, clock);
    }
    if (!store.ok()) {
      problems->push_back(absl::StrCat("doesn't open: ", store.status().ToString()));
      return;
    }
    Verify(**store, false, problems);
    absl::StatusOr<Contents> now = ReadContents(**store);
    if (!now.ok()) {
      problems->push_back(absl::StrCat("can't be read: ", now.status().ToString()));
      return;
    }
    const size_t next = std::min(done + 1, reference_.after.size() - 1);
    Compare(reference_.after[done], reference_.after[next], *now, problems);
    for (int pass = 0; pass < 2; ++pass) {
      if (auto erased = SyncWait((*store)->Reclaim()); !erased.ok()) {
        problems->push_back(absl::StrCat("reclaim: ", erased.status().ToString()));
      }
    }
    Verify(**store, true, problems);
    GoOn(**store, done, problems);
  }

  // Mail comes in again, with UIDs that nobody has seen.
  void GoOn(Store& store, size_t done, std::vector<std::string>* problems) {
    uint32_t highest = 0;
    for (size_t step = 0; step <= done; ++step) {
      for (const auto& [uid, message] :
           In(reference_.after[step], kInbox).value_or(Messages{})) {
        highest = std::max(highest, uid);
      }
    }
    if (highest == 0) return;
    absl::StatusOr<uint32_t> uid =
        DeliverOne(store, "anna@example.org", "Subject: new\r\n\r\n");
    if (!uid.ok()) {
      problems->push_back(absl::StrCat("deliver: ", uid.status().ToString()));
    } else if (*uid <= highest) {
      problems->push_back(absl::StrCat("UID ", *uid, " was given out before"));
    }
  }
};

TEST_P(CrashAtEachWrite, LosesNothingThatWasAcknowledged) {
  ASSERT_GT(reference_.operations, 150u);
  const int times = std::getenv("RESTANTE_LONG") != nullptr ? 8 : 1;
  // A background flush may come a little earlier or later each time: some writes more.
  for (uint64_t n = 1 + GetParam(); n <= reference_.operations + 8; n += kShares) {
    for (int time = 0; time < times; ++time) {
      EXPECT_THAT(Problems(n, n * 100 + time, Mistake::kNone), IsEmpty());
    }
  }
  RecordProperty("recovered", recovered_);
}

INSTANTIATE_TEST_SUITE_P(Shares, CrashAtEachWrite, testing::Range(uint64_t{0}, kShares));

// What the check says of a store with a mistake, at the first writes where it says anything.
class TheCheckOfCrashes : public CrashAtEachWrite {
 protected:
  std::vector<std::string> Finds(Mistake mistake) {
    std::vector<std::string> found;
    for (uint64_t n = 40; n <= reference_.operations && found.empty(); ++n) {
      found = Problems(n, n, mistake);
    }
    return found;
  }
};

TEST_P(TheCheckOfCrashes, FindsWhatIsLostWhenCommitsAreNotSynced) {
  EXPECT_THAT(Finds(Mistake::kNoSync), Not(IsEmpty()));
}

TEST_P(TheCheckOfCrashes, FindsRowsThatAreWrittenBeforeTheirBodies) {
  EXPECT_THAT(Finds(Mistake::kRowFirst), Not(IsEmpty()));
}

INSTANTIATE_TEST_SUITE_P(Once, TheCheckOfCrashes, testing::Values(uint64_t{0}));

}  // namespace
}  // namespace restante::store
