// A store over the in-memory engine, with a clock of the test's own, and short
// words for what tests do with it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/errors.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/memory_engine.h"
#include "storage-service/store/store.h"

namespace restante::store {

using engine::MemoryEngine;

class FakeClock : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixMicros(now_us_); }
  void Advance(absl::Duration by) { now_us_ += absl::ToInt64Microseconds(by); }

 private:
  std::atomic<int64_t> now_us_{1'700'000'000'000'000};
};

// A task that was started and may still be under way.
template <typename T>
class Started {
 public:
  explicit Started(Task<T> task) : state_(std::make_shared<State>()) {
    Spawn<T>(std::move(task), [state = state_](T result) {
      state->result.emplace(std::move(result));
      state->done.Notify();
    });
  }
  bool done() const { return state_->done.HasBeenNotified(); }
  T Get() {
    state_->done.WaitForNotification();
    return std::move(*state_->result);
  }

 private:
  struct State {
    absl::Notification done;
    std::optional<T> result;
  };
  std::shared_ptr<State> state_;
};

MATCHER(IsOk, "is OK") {
  *result_listener << "is " << arg.ToString();
  return arg.ok();
}
MATCHER_P(HasReason, reason, "has the reason " + std::string(ReasonName(reason))) {
  *result_listener << "is " << arg.ToString();
  return ReasonOf(arg) == reason;
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest();
  ~StoreTest() override;

  // Opens the store on a new engine; called by the first use.
  void Open(MemoryEngine::Options engine_options = {});
  void OpenOn(std::unique_ptr<MemoryEngine> engine);
  // The power fails and the service starts again.
  void Crash(MemoryEngine::InFlight in_flight = MemoryEngine::InFlight::kLost);

  Store& store();
  MemoryEngine& engine();

  // An account with the password "secret".
  AccountInfo CreateAccount(const std::string& address, uint64_t quota_octets = 0);

  Task<std::vector<RecipientResult>> DeliverTask(std::string message,
                                                 std::vector<std::string> recipients,
                                                 std::string delivery_id = "");
  std::vector<RecipientResult> DeliverTo(std::vector<std::string> recipients,
                                         const std::string& message,
                                         const std::string& delivery_id = "");
  RecipientResult Deliver(const std::string& recipient, const std::string& message,
                          const std::string& delivery_id = "");

  // With an envelope of the test's; the message in pieces of so many octets.
  std::vector<RecipientResult> DeliverWith(Envelope envelope, const std::string& message,
                                           size_t piece = SIZE_MAX);

  absl::StatusOr<OpenedMaildrop> Login(const std::string& address, uint32_t first_rows = 64,
                                       LeaseId lease = kUnaryLease);
  // Logs in, which must succeed.
  OpenedMaildrop Session(const std::string& address, uint32_t first_rows = 64,
                         LeaseId lease = kUnaryLease);
  absl::StatusOr<uint64_t> Commit(const OpenedMaildrop& session, std::vector<UidRange> uids,
                                  bool close = true);
  absl::StatusOr<uint64_t> Commit(const OpenedMaildrop& session, std::vector<UidRange> uids,
                                  std::vector<UidRange> retrieved, bool close = true);
  void Close(const OpenedMaildrop& session, std::vector<UidRange> retrieved = {});
  // Deletes messages in a session of their own.
  void Delete(const std::string& address, std::vector<UidRange> uids);
  std::vector<MaildropRow> Rows(const OpenedMaildrop& session, uint32_t page = 0);
  std::vector<uint32_t> Uids(const OpenedMaildrop& session);
  // One part, or the error that it met.
  absl::StatusOr<std::string> Read(const OpenedMaildrop& session, ReadPart part);
  absl::StatusOr<std::string> Read(const OpenedMaildrop& session, uint32_t uid);

  MailboxStatus Status(const std::string& address, const std::string& mailbox = "INBOX");
  VerifySummary Verify(std::vector<VerifyFinding>* findings = nullptr, bool read_bodies = true);
  // No invariant is broken and nothing is left over.
  void ExpectClean();
  // The account's own policy, as a whole.
  void SetPolicy(const std::string& address, const Pop3Policy& policy);
  // A whole round of what policies expire.
  uint64_t Expire();
  uint64_t Reclaim();
  size_t BodyCount();
  // How many keys of a mailbox begin with this octet.
  size_t KeysOf(const MailboxId& mailbox, char prefix);

  FakeClock clock_;
  StoreOptions options_;
  SessionOptions session_options_;  // of the logins that follow

 private:
  MemoryEngine* engine_ = nullptr;
  std::unique_ptr<Store> store_;
};

// "<prefix>\r\n" followed by lines up to about this many octets, in normal form.
std::string MessageOf(size_t octets, const std::string& subject = "test");

}  // namespace restante::store
