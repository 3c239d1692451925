// Many threads on few mailboxes, over an engine that answers on a thread of its
// own: for the thread sanitizer as much as for what is asserted.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class ConcurrencyTest : public StoreTest {
 protected:
  void SetUp() override {
    Open({.complete_on_another_thread = true});
    CreateAccount("anna");
    CreateAccount("bert");
  }

  void InThreads(int count, const std::function<void(int)>& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
  }
};

TEST_F(ConcurrencyTest, EachDeliveryHasAUidOfItsOwnAndNoneIsLost) {
  constexpr int kThreads = 8;
  constexpr int kEach = 40;
  absl::Mutex mutex;
  std::map<uint32_t, std::string> given;
  InThreads(kThreads, [&](int thread) {
    for (int i = 0; i < kEach; ++i) {
      const std::string message = MessageOf(50, absl::StrCat(thread, "-", i));
      const RecipientResult result = Deliver("anna", message);
      EXPECT_THAT(result.status, IsOk());
      absl::MutexLock lock(&mutex);
      EXPECT_TRUE(given.emplace(result.uid, message).second);
    }
  });
  EXPECT_EQ(given.size(), size_t{kThreads * kEach});
  EXPECT_EQ(given.rbegin()->first, uint32_t{kThreads * kEach});
  const OpenedMaildrop session = Session("anna");
  for (const auto& [uid, message] : given) EXPECT_EQ(*Read(session, uid), message);
  ExpectClean();
}

TEST_F(ConcurrencyTest, AQuotaIsNeverPassed) {
  const std::string message = MessageOf(100);
  options_.quota_grace = {0, 0};
  Open({.complete_on_another_thread = true});
  CreateAccount("carl", 25 * message.size() + 1);
  std::atomic<int> taken{0};
  InThreads(8, [&](int) {
    for (int i = 0; i < 10; ++i) taken += Deliver("carl", message).status.ok() ? 1 : 0;
  });
  EXPECT_EQ(taken, 25);
  EXPECT_EQ(Status("carl").message_count, 25u);
}

TEST_F(ConcurrencyTest, OneDeliveryIdIsTakenOnceByAnyNumberOfRetries) {
  absl::Mutex mutex;
  std::set<uint32_t> uids;
  InThreads(8, [&](int) {
    for (int i = 0; i < 20; ++i) {
      const RecipientResult result = Deliver("anna", "x\r\n", absl::StrCat("id", i));
      absl::MutexLock lock(&mutex);
      uids.insert(result.uid);
    }
  });
  EXPECT_EQ(uids.size(), 20u);
  EXPECT_EQ(Status("anna").message_count, 20u);
}

TEST_F(ConcurrencyTest, OneOfManyLoginsHasTheMaildrop) {
  Deliver("anna", "x\r\n");
  std::atomic<int> holders{0};
  std::atomic<int> sessions{0};
  InThreads(8, [&](int) {
    for (int i = 0; i < 30; ++i) {
      absl::StatusOr<OpenedMaildrop> session = Login("anna");
      if (!session.ok()) {
        EXPECT_THAT(session.status(), HasReason(v1::ERROR_REASON_IN_USE));
        continue;
      }
      EXPECT_EQ(++holders, 1);
      ++sessions;
      --holders;
      Close(*session);
    }
  });
  EXPECT_GT(sessions, 0);
}

TEST_F(ConcurrencyTest, DeliveriesSessionsReclaimingAndVerifyingGetAlong) {
  std::atomic<bool> done{false};
  std::atomic<uint64_t> delivered{0};
  std::atomic<uint64_t> deleted{0};
  std::thread housekeeping([&] {
    while (!done) {
      Reclaim();
      std::vector<VerifyFinding> findings;
      EXPECT_EQ(Verify(&findings, false).errors, 0u);
      for (const VerifyFinding& finding : findings) {
        if (finding.is_error) ADD_FAILURE() << finding.where << ": " << finding.message;
      }
    }
  });
  InThreads(6, [&](int thread) {
    for (int i = 0; i < 40; ++i) {
      if (thread < 4) {
        const size_t octets = i % 10 == 0 ? 150'000 : 200;
        for (const RecipientResult& result : DeliverTo({"anna", "bert"}, MessageOf(octets))) {
          EXPECT_THAT(result.status, IsOk());
          ++delivered;
        }
        continue;
      }
      const std::string address = thread == 4 ? "anna" : "bert";
      const OpenedMaildrop session = Session(address);
      const std::vector<MaildropRow> rows = Rows(session, 7);
      EXPECT_EQ(rows.size(), session.message_count);
      if (rows.empty()) {
        Close(session);
        continue;
      }
      EXPECT_EQ(Read(session, rows.back().uid)->size(), rows.back().octets);
      const absl::StatusOr<uint64_t> gone =
          Commit(session, {{rows.front().uid, rows[rows.size() / 2].uid}});
      EXPECT_THAT(gone.status(), IsOk());
      deleted += gone.ok() ? *gone : 0;
    }
  });
  done = true;
  housekeeping.join();
  EXPECT_EQ(Status("anna").message_count + Status("bert").message_count, delivered - deleted);
  Reclaim();
  ExpectClean();
}

TEST_F(ConcurrencyTest, AMailboxTableThatIsTooSmallIsOnlySlow) {
  options_.cached_mailboxes = 2;
  Open({.complete_on_another_thread = true});
  for (int i = 0; i < 12; ++i) CreateAccount(absl::StrCat("user", i));
  InThreads(6, [&](int thread) {
    for (int i = 0; i < 24; ++i) {
      const std::string address = absl::StrCat("user", (i * (thread + 1)) % 12);
      EXPECT_THAT(Deliver(address, "x\r\n").status, IsOk());
    }
  });
  uint64_t messages = 0;
  for (int i = 0; i < 12; ++i) messages += Status(absl::StrCat("user", i)).message_count;
  EXPECT_EQ(messages, 6u * 24u);
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
