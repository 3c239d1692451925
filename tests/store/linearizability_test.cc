// Many clients deliver to one mailbox, change flags and ask for its status at once, and
// the answers are those of one order of all of it that agrees with real time: what was
// answered before something else began comes before it. The MODSEQs say which order; the
// test replays it against a plain model. A change of flags reaches the messages that were
// there when it began; one that is being delivered meanwhile it may pass over, and then
// passes over wholly.
//
// A failure names its seed; RESTANTE_LINEARIZABILITY_SEED runs that one alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

constexpr int kClients = 6;
constexpr int kOperationsEach = 60;
// Flags are changed of messages with UIDs up to this.
constexpr uint32_t kHighestUid = 12;

// What a client asked, when, and what it was told.
struct Event {
  enum class Kind { kDelivery, kFlags, kStatus };
  Kind kind = Kind::kDelivery;
  uint64_t begin = 0;  // ticks of one clock that all clients read
  uint64_t end = 0;
  uint32_t uid = 0;  // the delivery's
  UidRange range;
  FlagChange change;
  FlagsAnswer answer;
  MailboxStatus status;
  uint64_t modseq = 0;  // of the change; of what a status tells
};

struct ModelRow {
  std::set<std::string> flags;
  uint64_t modseq = 0;
  uint64_t delivered = 0;  // when the delivery was answered
};
using Model = std::map<uint32_t, ModelRow>;

std::set<std::string> AsSet(const std::vector<std::string>& flags) {
  return {flags.begin(), flags.end()};
}

class LinearizabilityTest : public StoreTest, public testing::WithParamInterface<uint32_t> {
 protected:
  void SetUp() override {
    Open({.complete_on_another_thread = true});
    CreateAccount("anna");
    Deliver("anna", MessageOf(50));
    first_modseq_ = Status("anna").highest_modseq;
  }

  void Client(int client, uint32_t seed) {
    std::mt19937 random(seed * kClients + client);
    uint64_t seen = first_modseq_;
    for (int i = 0; i < kOperationsEach; ++i) {
      Event event;
      event.begin = ++ticks_;
      switch (random() % 5) {
        case 0:
        case 1:
          DeliverAs(&event);
          break;
        case 2:
          AskStatus(&event);
          break;
        default:
          ChangeFlags(absl::StrCat("k", client, "-", i), seen, random, &event);
      }
      event.end = ++ticks_;
      seen = std::max(seen, event.modseq);
      absl::MutexLock lock(&mutex_);
      events_.push_back(std::move(event));
    }
  }

  // By what the answers say, and MODSEQs for the deliveries, whose answers have none: those
  // that no change of flags has, in the order of their UIDs.
  std::vector<Event> ChangesInOrder() {
    absl::MutexLock lock(&mutex_);
    std::map<uint64_t, Event> changes;
    std::map<uint32_t, Event> deliveries;
    for (const Event& event : events_) {
      if (event.kind == Event::Kind::kDelivery) {
        EXPECT_TRUE(deliveries.emplace(event.uid, event).second) << "UID " << event.uid;
      } else if (event.kind == Event::Kind::kFlags && !event.answer.messages.empty()) {
        EXPECT_TRUE(changes.emplace(event.modseq, event).second) << "MODSEQ " << event.modseq;
      }
    }
    uint64_t modseq = first_modseq_;
    for (auto& [uid, delivery] : deliveries) {
      do {
        ++modseq;
      } while (changes.contains(modseq));
      delivery.modseq = modseq;
      changes.emplace(modseq, delivery);
    }
    std::vector<Event> ordered;
    for (auto& [at, event] : changes) {
      EXPECT_EQ(at, first_modseq_ + 1 + ordered.size()) << "a MODSEQ of no change";
      ordered.push_back(std::move(event));
    }
    return ordered;
  }

  // Applies a change where it is in the order; its answer has to be this one.
  static void Replay(const Event& event, Model* model) {
    if (event.kind == Event::Kind::kDelivery) {
      EXPECT_EQ(event.uid, model->rbegin()->first + 1);
      (*model)[event.uid] = {{}, event.modseq, event.end};
      return;
    }
    std::set<uint32_t> told(event.answer.modified.begin(), event.answer.modified.end());
    for (const FlaggedMessage& message : event.answer.messages) told.insert(message.uid);
    std::vector<uint32_t> modified;
    std::map<uint32_t, std::set<std::string>> changed;
    for (auto& [uid, row] : *model) {
      if (uid < event.range.first || uid > event.range.last) continue;
      if (row.delivered > event.begin && !told.contains(uid)) continue;
      if (event.change.unchanged_since.has_value() &&
          row.modseq > *event.change.unchanged_since) {
        modified.push_back(uid);
        continue;
      }
      if (event.change.mode == FlagChange::Mode::kReplace) row.flags.clear();
      for (const std::string& flag : event.change.flags) row.flags.insert(flag);
      row.modseq = event.modseq;
      changed[uid] = row.flags;
    }
    std::map<uint32_t, std::set<std::string>> answered;
    for (const FlaggedMessage& message : event.answer.messages) {
      answered[message.uid] = AsSet(message.flags);
      EXPECT_EQ(message.modseq, event.modseq);
    }
    EXPECT_EQ(answered, changed) << "at MODSEQ " << event.modseq;
    EXPECT_EQ(event.answer.modified, modified) << "at MODSEQ " << event.modseq;
  }

  static void ExpectStatus(const Event& event, const Model& model) {
    uint64_t unseen = 0;
    for (const auto& [uid, row] : model) unseen += row.flags.contains("\\Seen") ? 0 : 1;
    EXPECT_EQ(event.status.message_count, model.size()) << "at MODSEQ " << event.modseq;
    EXPECT_EQ(event.status.unseen_count, unseen) << "at MODSEQ " << event.modseq;
    EXPECT_EQ(event.status.uid_next, model.rbegin()->first + 1);
  }

  // Nothing that ended before something else began is behind it.
  void ExpectRealTime() {
    absl::MutexLock lock(&mutex_);
    std::vector<const Event*> ordered;
    for (const Event& event : events_) {
      if (event.modseq != 0) ordered.push_back(&event);
    }
    // A status comes after the change that it tells of.
    std::stable_sort(ordered.begin(), ordered.end(), [](const Event* a, const Event* b) {
      return std::make_pair(a->modseq, a->kind == Event::Kind::kStatus) <
             std::make_pair(b->modseq, b->kind == Event::Kind::kStatus);
    });
    uint64_t newest_begin = 0;  // of what is of an earlier MODSEQ
    uint64_t newest_of_this = 0;
    uint64_t modseq = 0;
    for (const Event* event : ordered) {
      if (event->modseq != modseq) {
        newest_begin = std::max(newest_begin, newest_of_this);
        modseq = event->modseq;
        newest_of_this = 0;
      }
      EXPECT_GT(event->end, newest_begin) << "MODSEQ " << modseq << " was told too late";
      if (event->kind != Event::Kind::kStatus)
        newest_begin = std::max(newest_begin, event->begin);
      newest_of_this = std::max(newest_of_this, event->begin);
    }
  }

  absl::Mutex mutex_;
  std::vector<Event> events_ ABSL_GUARDED_BY(mutex_);
  uint64_t first_modseq_ = 0;

 private:
  void DeliverAs(Event* event) {
    event->kind = Event::Kind::kDelivery;
    const RecipientResult result = Deliver("anna", MessageOf(50));
    EXPECT_THAT(result.status, IsOk());
    event->uid = result.uid;
  }

  void AskStatus(Event* event) {
    event->kind = Event::Kind::kStatus;
    event->status = Status("anna");
    event->modseq = event->status.highest_modseq;
  }

  // The keyword is nobody else's: the change does change what it is allowed to.
  void ChangeFlags(const std::string& keyword, uint64_t seen, std::mt19937& random,
                   Event* event) {
    event->kind = Event::Kind::kFlags;
    event->range.first = 1 + random() % kHighestUid;
    event->range.last = event->range.first + random() % kHighestUid;
    event->change.mode =
        random() % 3 == 0 ? FlagChange::Mode::kAdd : FlagChange::Mode::kReplace;
    event->change.flags = {keyword};
    if (random() % 2 == 0) event->change.flags.push_back("\\Seen");
    if (random() % 3 == 0) event->change.unchanged_since = seen;
    absl::StatusOr<FlagsAnswer> answer = SyncWait(
        store().mailboxes().StoreFlags("anna", "INBOX", {event->range}, event->change, 0));
    ASSERT_THAT(answer.status(), IsOk());
    EXPECT_EQ(answer->next_uid, 0u);
    for (const FlaggedMessage& message : answer->messages) event->modseq = message.modseq;
    event->answer = *std::move(answer);
  }

  std::atomic<uint64_t> ticks_{0};
};

TEST_P(LinearizabilityTest, AnswersAreThoseOfOneOrderThatAgreesWithRealTime) {
  const char* chosen = std::getenv("RESTANTE_LINEARIZABILITY_SEED");
  const uint32_t seed = chosen != nullptr ? std::strtoul(chosen, nullptr, 10) : GetParam();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([this, client, seed] { Client(client, seed); });
  }
  for (std::thread& client : clients) client.join();

  const std::vector<Event> changes = ChangesInOrder();
  {
    // The deliveries' MODSEQs are known now.
    absl::MutexLock lock(&mutex_);
    std::map<uint32_t, uint64_t> of_uid;
    for (const Event& change : changes) of_uid[change.uid] = change.modseq;
    for (Event& event : events_) {
      if (event.kind == Event::Kind::kDelivery) event.modseq = of_uid[event.uid];
    }
  }
  ExpectRealTime();

  Model model{{1, {{}, first_modseq_, 0}}};
  std::map<uint64_t, Model> at{{first_modseq_, model}};
  for (const Event& change : changes) {
    Replay(change, &model);
    at[change.modseq] = model;
  }
  size_t statuses = 0;
  absl::MutexLock lock(&mutex_);
  for (const Event& event : events_) {
    if (event.kind != Event::Kind::kStatus) continue;
    ++statuses;
    ASSERT_TRUE(at.contains(event.modseq));
    ExpectStatus(event, at[event.modseq]);
  }
  EXPECT_GT(statuses, 20u);
  EXPECT_GT(changes.size(), 100u);

  auto page = SyncWait(store().mailboxes().ListMessages("anna", "", 0, 4096));
  ASSERT_THAT(page.status(), IsOk());
  ASSERT_EQ(page->rows.size(), model.size());
  for (const MessageRow& row : page->rows) {
    EXPECT_EQ(AsSet(row.flags), model[row.uid].flags) << "UID " << row.uid;
    EXPECT_EQ(row.modseq, model[row.uid].modseq) << "UID " << row.uid;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LinearizabilityTest, testing::Range(1u, 9u));

}  // namespace
}  // namespace restante::store
