// Random operations of several clients at once, on shared accounts, against a model.
// Everything runs on one thread: the engine holds commits, and lets them go in an order
// that the seed decides, so that operations interleave at every commit, and a failure can
// be played again. model_test.cc has one client and more kinds of operations.
//
// Each round gives every client something to do, with messages that no other client
// touches in that round. Mailboxes, accounts and names they share. When all have their
// answers, what the store has must be what the answers say; where an answer was an error
// that leaves it open, one or the other.
//
// A failure names its seed; RESTANTE_MODEL_SEED runs that one alone, and
// RESTANTE_MODEL_STEPS sets how many operations a run has.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage-service/store/uid_runs.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using FlagSet = std::set<std::string>;

// A message in a mailbox. Its octets tell which one it is: no two have as many.
struct Placed {
  uint64_t octets = 0;
  FlagSet flags;
};

struct Box {
  std::string name;
  std::map<uint32_t, Placed> live;
  std::set<uint32_t> busy;  // some client's, in this round
  uint32_t highest = 0;
  std::set<uint64_t> expunged;  // octets of what has left in this round
};

struct User {
  std::string address;
  std::vector<Box> boxes;  // the first is the INBOX
  // In this round: where two rename the same, the names depend on who came first.
  bool address_changes = false;
  bool names_change = false;
};

// What an operation does to one mailbox.
struct Part {
  enum class State { kNothing, kDone, kOpen };
  size_t user = 0;
  size_t box = 0;
  std::map<uint32_t, FlagSet> flags;
  std::set<uint32_t> removed;
  std::map<uint32_t, Placed> added;  // by the UIDs of the answer
  std::vector<Placed> to_add;        // what may be there if it is open
  State state = State::kOpen;
};

// A change of names.
struct Renaming {
  size_t user = 0;
  std::map<size_t, std::string> boxes;  // new names; empty: it is the account's address
  std::string address;
  Part::State state = Part::State::kOpen;
};

struct Work {
  std::deque<Part> parts;
  bool moves = false;  // from the first part to the second
  std::optional<Renaming> renaming;
  std::function<bool()> done;
};

bool LeavesNothing(v1::ErrorReason reason) {
  return reason == v1::ERROR_REASON_NO_SUCH_MAILBOX ||
         reason == v1::ERROR_REASON_NO_SUCH_ACCOUNT || reason == v1::ERROR_REASON_IN_USE ||
         reason == v1::ERROR_REASON_OVERLOADED;
}

Part::State StateOf(const absl::Status& status) {
  if (status.ok()) return Part::State::kDone;
  if (LeavesNothing(ReasonOf(status))) return Part::State::kNothing;
  EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsCancelled(status) ||
              ReasonOf(status) == v1::ERROR_REASON_LEASE_LOST)
      << status;
  return Part::State::kOpen;
}

std::vector<UidRange> RunsFrom(const std::set<uint32_t>& uids) {
  return RunsOf({uids.begin(), uids.end()});
}

class ConcurrentModelTest : public StoreTest, public testing::WithParamInterface<uint32_t> {
 protected:
  static constexpr size_t kClients = 4;

  uint32_t Pick(size_t below) { return static_cast<uint32_t>(random_() % below); }
  bool Chance(uint32_t one_in) { return Pick(one_in) == 0; }

  void MakeUsers() {
    for (size_t user = 0; user < 3; ++user) {
      User& made = users_.emplace_back();
      made.address = absl::StrCat("user", user, "@example.org");
      CreateAccount(made.address);
      for (const char* name : {"INBOX", "Work", "Work/Old", "Keep"}) {
        made.boxes.emplace_back().name = name;
        if (made.boxes.size() == 1) continue;
        ASSERT_THAT(SyncWait(store().mailboxes().Create(made.address, name, {})).status(),
                    IsOk());
      }
    }
  }

  const Box& BoxOf(const Part& part) const { return users_[part.user].boxes[part.box]; }
  Box& BoxOf(const Part& part) { return users_[part.user].boxes[part.box]; }

  // Some messages of a mailbox that nobody else has, for this round.
  static constexpr size_t kUsualClaim = 5;
  std::set<uint32_t> Claim(Box& box, size_t most = kUsualClaim) {
    std::set<uint32_t> claimed;
    for (const auto& [uid, placed] : box.live) {
      if (!Chance(3) || !box.busy.insert(uid).second) continue;
      claimed.insert(uid);
      if (claimed.size() == most) break;
    }
    return claimed;
  }

  // To delete: enough that a mailbox doesn't grow for ever.
  std::set<uint32_t> ClaimMany(Box& box) {
    return Claim(box, std::max(kUsualClaim, box.live.size() / 2));
  }

  // Starts a task, and takes its answer when it has come.
  template <typename T>
  void Start(Work& work, Task<T> task, std::function<void(T)> take) {
    auto started = std::make_shared<Started<T>>(std::move(task));
    work.done = [started, take = std::move(take), taken = false]() mutable {
      if (!taken && started->done()) {
        taken = true;
        take(started->Get());
      }
      return taken;
    };
  }

  void StartDelivery(Work& work) {
    const uint64_t octets = 200 + 2 * ++messages_;
    std::vector<std::string> recipients;
    for (size_t user = 0; user < users_.size(); ++user) {
      if (!recipients.empty() && !Chance(3)) continue;
      recipients.push_back(users_[user].address);
      Part& part = work.parts.emplace_back();
      part.user = user;
      part.to_add = {{octets, {}}};
    }
    std::string message = "Subject: test\r\n\r\n";
    message.append(octets - message.size() - 2, 'y').append("\r\n");
    Start<std::vector<RecipientResult>>(work,
                                        DeliverTask(std::move(message), std::move(recipients)),
                                        [&work, octets](std::vector<RecipientResult> results) {
                                          for (size_t i = 0; i < results.size(); ++i) {
                                            work.parts[i].state = StateOf(results[i].status);
                                            work.parts[i].added[results[i].uid] = {octets, {}};
                                          }
                                        });
  }

  void StartFlags(Work& work) {
    Part& part = PartOf(work);
    Box& box = BoxOf(part);
    const std::set<uint32_t> uids = Claim(box);
    FlagChange change;
    change.mode = Chance(2) ? FlagChange::Mode::kAdd : FlagChange::Mode::kRemove;
    change.flags = {Chance(2) ? "\\Seen" : absl::StrCat("label", Pick(3))};
    for (const uint32_t uid : uids) {
      FlagSet flags = box.live[uid].flags;
      if (change.mode == FlagChange::Mode::kAdd) {
        flags.insert(change.flags[0]);
      } else {
        flags.erase(change.flags[0]);
      }
      part.flags[uid] = std::move(flags);
    }
    Start<absl::StatusOr<FlagsAnswer>>(
        work,
        store().mailboxes().StoreFlags(users_[part.user].address, box.name, RunsOrNone(uids),
                                       change, 0),
        [&part](absl::StatusOr<FlagsAnswer> answer) { part.state = StateOf(answer.status()); });
  }

  void StartExpunge(Work& work) {
    Part& part = PartOf(work);
    Box& box = BoxOf(part);
    part.removed = ClaimMany(box);
    Start<absl::StatusOr<ExpungeAnswer>>(
        work,
        store().mailboxes().Expunge(users_[part.user].address, box.name,
                                    RunsOrNone(part.removed), false, 0),
        [&part](absl::StatusOr<ExpungeAnswer> answer) {
          part.state = StateOf(answer.status());
          if (!answer.ok()) return;
          EXPECT_EQ(std::set<uint32_t>(answer->uids.begin(), answer->uids.end()), part.removed);
        });
  }

  void StartCopyOrMove(Work& work, bool moves) {
    Part& from = PartOf(work);
    Part& to = work.parts.emplace_back();
    to.user = from.user;
    to.box = (from.box + 1 + Pick(users_[from.user].boxes.size() - 1)) %
             users_[from.user].boxes.size();
    Box& box = BoxOf(from);
    const std::set<uint32_t> uids = Claim(box);
    work.moves = moves;
    if (moves) from.removed = uids;
    for (const uint32_t uid : uids) to.to_add.push_back(box.live[uid]);
    std::string address = users_[from.user].address;
    Start<absl::StatusOr<CopyAnswer>>(
        work,
        moves ? store().mailboxes().Move(std::move(address), box.name, RunsOrNone(uids),
                                         BoxOf(to).name, 0)
              : store().mailboxes().Copy(std::move(address), box.name, RunsOrNone(uids),
                                         BoxOf(to).name),
        [&from, &to, &box, uids](absl::StatusOr<CopyAnswer> answer) {
          from.state = to.state = StateOf(answer.status());
          if (!answer.ok()) return;
          EXPECT_EQ(answer->messages.size(), uids.size());
          for (const CopiedMessage& message : answer->messages) {
            EXPECT_TRUE(uids.contains(message.uid));
            to.added[message.new_uid] = box.live[message.uid];
          }
        });
  }

  // The login comes first: its passwords are checked on threads of their own.
  void StartSession(Work& work) {
    Part& part = PartOf(work);
    part.box = 0;
    const absl::StatusOr<OpenedMaildrop> session = Login(users_[part.user].address);
    Box& box = BoxOf(part);
    if (!session.ok()) {
      StateOf(session.status());
      part.state = Part::State::kNothing;
      work.done = [] { return true; };
      return;
    }
    EXPECT_EQ(session->message_count, box.live.size());
    part.removed = ClaimMany(box);
    Start<absl::StatusOr<uint64_t>>(
        work,
        store().maildrops().Commit(session->session_token, RunsFrom(part.removed), {}, true),
        [&part](absl::StatusOr<uint64_t> deleted) {
          part.state = StateOf(deleted.status());
          if (!deleted.ok()) return;
          EXPECT_EQ(*deleted, part.removed.size());
        });
  }

  void StartMailboxRename(Work& work) {
    const size_t index = Pick(users_.size());
    User& user = users_[index];
    if (std::exchange(user.names_change, true)) return StartDelivery(work);
    Renaming& renaming = work.renaming.emplace();
    renaming.user = index;
    const size_t box = 1 + Pick(user.boxes.size() - 1);
    const std::string& old_name = user.boxes[box].name;
    const std::string new_name = absl::StrCat("Name", ++names_);
    for (size_t other = 1; other < user.boxes.size(); ++other) {
      const std::string& name = user.boxes[other].name;
      if (other != box && !absl::StartsWith(name, absl::StrCat(old_name, "/"))) continue;
      renaming.boxes[other] = absl::StrCat(new_name, name.substr(old_name.size()));
    }
    Start<absl::Status>(work, store().mailboxes().Rename(user.address, old_name, new_name),
                        [&renaming](absl::Status status) { renaming.state = StateOf(status); });
  }

  void StartAccountRename(Work& work) {
    const size_t index = Pick(users_.size());
    if (std::exchange(users_[index].address_changes, true)) return StartDelivery(work);
    Renaming& renaming = work.renaming.emplace();
    renaming.user = index;
    renaming.address = absl::StrCat("name", ++names_, "@example.org");
    Start<absl::StatusOr<AccountInfo>>(
        work, store().accounts().Rename(users_[renaming.user].address, renaming.address, false),
        [&renaming](absl::StatusOr<AccountInfo> account) {
          renaming.state = StateOf(account.status());
        });
  }

  void StartSomething(Work& work) {
    switch (Pick(16)) {
      case 0:
      case 1:
      case 2:
        return StartFlags(work);
      case 3:
        return StartExpunge(work);
      case 4:
      case 5:
        return StartCopyOrMove(work, false);
      case 6:
      case 7:
        return StartCopyOrMove(work, true);
      case 8:
      case 9:
        return StartSession(work);
      case 10:
        return StartMailboxRename(work);
      case 11:
        return StartAccountRename(work);
      case 12:
        return Start<absl::StatusOr<uint64_t>>(
            work, store().Reclaim(),
            [](absl::StatusOr<uint64_t> erased) { StateOf(erased.status()); });
      default:
        return StartDelivery(work);
    }
  }

  void Round() {
    std::vector<Work> round(kClients);
    engine().HoldCommits();
    if (Chance(3)) {
      constexpr MemoryEngine::Call kCalls[] = {
          MemoryEngine::Call::kCommit, MemoryEngine::Call::kCommit,
          MemoryEngine::Call::kPutChunk, MemoryEngine::Call::kScan};
      engine().FailNth(
          kCalls[Pick(4)], 1 + Pick(6), absl::UnavailableError("as the test wants"),
          Chance(2) ? MemoryEngine::Effect::kDone : MemoryEngine::Effect::kNothingDone);
    }
    size_t lets_go = Chance(8) ? Pick(8) : SIZE_MAX;  // then the power fails
    for (Work& work : round) StartSomething(work);
    const auto all_done = [&round] {
      return std::all_of(round.begin(), round.end(), [](Work& work) { return work.done(); });
    };
    while (!all_done() && lets_go > 0) {
      const size_t held = engine().held_commits();
      if (held == 0) continue;
      const size_t some = std::min<size_t>(1 + Pick(held), lets_go);
      engine().ReleaseCommits(some);
      lets_go -= lets_go == SIZE_MAX ? 0 : some;
    }
    const bool renamed_in_the_open =
        std::any_of(round.begin(), round.end(), [](const Work& work) {
          return work.renaming && work.renaming->state == Part::State::kOpen;
        });
    if (lets_go == 0 || renamed_in_the_open) {
      // The next start also ends a rename that was cut short.
      Crash(Chance(2) ? MemoryEngine::InFlight::kLost : MemoryEngine::InFlight::kDurable);
      EXPECT_TRUE(all_done());
    } else {
      engine().StopFailing();
      engine().ReleaseCommits();
    }
    for (const bool mailboxes : {false, true}) {
      for (const Work& work : round) {
        if (work.renaming && work.renaming->boxes.empty() != mailboxes) Settle(*work.renaming);
      }
    }
    Compare(round);
  }

  // Whether the change of names has happened, and the new names if it has.
  void Settle(const Renaming& renaming) {
    User& user = users_[renaming.user];
    const auto there = [this](const std::string& address, const std::string& mailbox) {
      return SyncWait(store().mailboxes().Get(address, mailbox)).ok();
    };
    std::set<bool> renamed;
    if (renaming.boxes.empty()) {
      user.address_changes = false;
      renamed.insert(there(renaming.address, "INBOX"));
      EXPECT_NE(renamed.contains(true), there(user.address, "INBOX"));
      if (renamed.contains(true)) user.address = renaming.address;
    }
    user.names_change &= renaming.boxes.empty();
    for (const auto& [box, name] : renaming.boxes) {
      const bool is_new = there(user.address, name);
      renamed.insert(is_new);
      EXPECT_NE(is_new, there(user.address, user.boxes[box].name));
      if (is_new) user.boxes[box].name = name;
    }
    EXPECT_EQ(renamed.size(), 1u) << "some children were renamed and not all";
    if (renaming.state != Part::State::kOpen) {
      EXPECT_EQ(renamed.contains(true), renaming.state == Part::State::kDone);
    }
  }

  void Compare(std::vector<Work>& round) {
    for (size_t user = 0; user < users_.size(); ++user) {
      for (size_t box = 0; box < users_[user].boxes.size(); ++box) {
        std::vector<Part*> parts;
        for (Work& work : round) {
          for (Part& part : work.parts) {
            if (part.user == user && part.box == box) parts.push_back(&part);
          }
        }
        SCOPED_TRACE(absl::StrCat(users_[user].address, " ", users_[user].boxes[box].name));
        CompareBox(users_[user].address, users_[user].boxes[box], parts);
      }
    }
    for (const Work& work : round) {
      if (!work.moves || work.parts[0].state != Part::State::kDone) continue;
      for (const Placed& moved : work.parts[1].to_add) {
        const Box& box = BoxOf(work.parts[1]);
        const bool there = std::any_of(
            box.live.begin(), box.live.end(),
            [&moved](const auto& entry) { return entry.second.octets == moved.octets; });
        EXPECT_TRUE(there || box.expunged.contains(moved.octets))
            << "a message of " << moved.octets << " octets was lost on its way to " << box.name;
      }
    }
  }

  void CompareBox(const std::string& address, Box& box, const std::vector<Part*>& parts) {
    const auto page = SyncWait(store().mailboxes().ListMessages(address, box.name, 0, 4096));
    ASSERT_THAT(page.status(), IsOk());
    std::map<uint32_t, Placed> there;
    for (const MessageRow& row : page->rows) {
      there[row.uid] = {row.octets, {row.flags.begin(), row.flags.end()}};
    }
    std::multiset<uint64_t> open;
    for (Part* part : parts) {
      if (part->state == Part::State::kOpen) {
        part->state = HasHappened(*part, there) ? Part::State::kDone : Part::State::kNothing;
        part->added.clear();
        for (const Placed& placed : part->to_add) open.insert(placed.octets);
      }
      if (part->state != Part::State::kDone) continue;
      for (const auto& [uid, flags] : part->flags) box.live[uid].flags = flags;
      for (const auto& [uid, placed] : part->added) {
        EXPECT_TRUE(uid > box.highest || box.live.contains(uid)) << "UIDs grow";
        box.live.emplace(uid, placed);
      }
    }
    // At last: a move that goes on after a failure answers with the copies that it has
    // made before, which others know already.
    box.expunged.clear();
    for (const Part* part : parts) {
      if (part->state != Part::State::kDone) continue;
      for (const uint32_t uid : part->removed) {
        box.expunged.insert(box.live[uid].octets);
        box.live.erase(uid);
      }
    }
    for (const auto& [uid, placed] : there) {
      if (!box.live.contains(uid)) {
        EXPECT_GT(uid, box.highest) << "an expunged message is there again";
        const auto expected = open.find(placed.octets);
        ASSERT_NE(expected, open.end()) << "nobody has put UID " << uid << " here";
        open.erase(expected);
        box.live[uid] = placed;
      }
      EXPECT_EQ(box.live[uid].octets, placed.octets) << "UID " << uid;
      EXPECT_EQ(box.live[uid].flags, placed.flags) << "UID " << uid;
    }
    for (const auto& [uid, placed] : box.live) {
      EXPECT_TRUE(there.contains(uid)) << "UID " << uid << " is lost";
    }
    if (!there.empty()) box.highest = std::max(box.highest, there.rbegin()->first);
    box.busy.clear();
  }

  // Of what is open: all of it, or nothing.
  static bool HasHappened(const Part& part, const std::map<uint32_t, Placed>& there) {
    std::set<bool> answers;
    for (const uint32_t uid : part.removed) answers.insert(!there.contains(uid));
    for (const auto& [uid, flags] : part.flags) {
      const auto found = there.find(uid);
      EXPECT_NE(found, there.end()) << "UID " << uid << " is lost";
      if (found != there.end() && found->second.flags != flags) answers.insert(false);
    }
    EXPECT_LE(answers.size(), 1u) << "it was done to some messages and not to all";
    const bool any = !part.removed.empty() || !part.flags.empty();
    return any && !answers.contains(false);
  }

  Part& PartOf(Work& work) {
    Part& part = work.parts.emplace_back();
    part.user = Pick(users_.size());
    part.box = Pick(users_[part.user].boxes.size());
    return part;
  }

  // A request names some UIDs, even when there are none.
  static std::vector<UidRange> RunsOrNone(const std::set<uint32_t>& uids) {
    if (uids.empty()) return {{4'000'000'000, 4'000'000'000}};
    return RunsFrom(uids);
  }

  std::mt19937 random_{GetParam()};
  std::vector<User> users_;
  uint64_t messages_ = 0;
  uint64_t names_ = 0;
};

size_t ConcurrentSteps() {
  const char* steps = std::getenv("RESTANTE_MODEL_STEPS");
  return steps == nullptr ? 600 : std::strtoul(steps, nullptr, 10);
}

std::vector<uint32_t> ConcurrentSeeds() {
  const char* seed = std::getenv("RESTANTE_MODEL_SEED");
  if (seed != nullptr) return {static_cast<uint32_t>(std::strtoul(seed, nullptr, 10))};
  return {1, 2, 3, 4, 5, 6};
}

TEST_P(ConcurrentModelTest, WhatClientsAreToldIsWhatTheStoreHas) {
  SCOPED_TRACE(absl::StrCat("RESTANTE_MODEL_SEED=", GetParam()));
  MakeUsers();
  for (size_t step = kClients; step <= ConcurrentSteps() && !HasFailure(); step += kClients) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    Round();
    if (step % 100 != 0) continue;
    Reclaim();
    std::vector<VerifyFinding> findings;
    Verify(&findings);
    for (const VerifyFinding& finding : findings) {
      // What a commit that failed has left stands until the next start.
      EXPECT_FALSE(finding.is_error) << finding.where << ": " << finding.message;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ConcurrentModelTest, testing::ValuesIn(ConcurrentSeeds()));

}  // namespace
}  // namespace restante::store
