// A directory over an engine in memory, and what its tests ask of it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "storage-service/engine/memory_engine.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_table.h"
#include "tests/accounts/fakes.h"

namespace restante::store {

class DirectoryTest : public testing::Test {
 protected:
  using Call = engine::MemoryEngine::Call;
  using Entry = Directory::Entry;

  DirectoryTest() { Open(std::make_unique<engine::MemoryEngine>()); }

  // The service starts on what an engine holds.
  void Open(std::unique_ptr<engine::MemoryEngine> engine) {
    directory_.reset();
    mailboxes_.reset();
    engine_ = std::move(engine);
    mailboxes_ = std::make_unique<MailboxTable>(engine_.get(), 1000);
    auto hasher = std::make_unique<FakeHasher>();
    hasher_ = hasher.get();
    directory_ = std::make_unique<Directory>(engine_.get(), mailboxes_.get(), &sealer_, &clock_,
                                             options_, std::move(hasher));
    ASSERT_EQ(SyncWait(directory_->Start()), absl::OkStatus());
  }

  // The service stops in an orderly way and starts again.
  void Restart() { Open(engine_->Crash()); }

  // The power fails; then the service starts again. What is under way must have
  // ended with the crash: the old directory is gone after this.
  void RestartAfterCrash(engine::MemoryEngine::InFlight in_flight) {
    std::unique_ptr<engine::MemoryEngine> after = engine_->Crash(in_flight);
    Open(std::move(after));
  }

  static NewAccount Account(std::string address, std::string password = "secret") {
    return NewAccount{std::move(address), Password{std::move(password)}, 0};
  }

  absl::StatusOr<AccountInfo> Create(std::string address, std::string password = "secret") {
    return SyncWait(directory_->Create(Account(std::move(address), std::move(password))));
  }
  absl::StatusOr<Entry> Find(std::string address) {
    return SyncWait(directory_->Find(std::move(address)));
  }
  absl::StatusOr<Entry> Login(std::string address, std::string password) {
    return SyncWait(directory_->VerifyPassword(std::move(address), std::move(password), {}));
  }
  v1::ErrorReason LoginReason(std::string address, std::string password) {
    return ReasonOf(Login(std::move(address), std::move(password)).status());
  }
  absl::StatusOr<AccountInfo> Update(std::string address, AccountChange change) {
    return SyncWait(directory_->Update(std::move(address), change));
  }

  std::vector<std::string> AllAddresses(size_t page_size = 1000) {
    std::vector<std::string> addresses;
    std::string token;
    do {
      absl::StatusOr<AccountPage> page = SyncWait(directory_->List(token, page_size));
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      EXPECT_LE(page->accounts.size(), page_size);
      for (const AccountInfo& account : page->accounts) addresses.push_back(account.address);
      token = page->next_page_token;
    } while (!token.empty());
    return addresses;
  }

  std::vector<VerifyFinding> Findings() {
    std::vector<VerifyFinding> findings;
    const auto accounts = SyncWait(directory_->Verify(
        [&findings](VerifyFinding finding) { findings.push_back(std::move(finding)); }));
    EXPECT_TRUE(accounts.ok()) << accounts.status();
    return findings;
  }
  std::vector<std::string> Errors() {
    std::vector<std::string> errors;
    for (const VerifyFinding& finding : Findings()) {
      if (finding.is_error) errors.push_back(finding.where + ": " + finding.message);
    }
    return errors;
  }

  size_t Shards(engine::ShardId::Kind kind) {
    absl::StatusOr<std::vector<Id128>> ids;
    engine_->ListShards(kind, {}, 10'000, [&ids](absl::StatusOr<std::vector<Id128>> all) {
      ids = std::move(all);
    });
    EXPECT_TRUE(ids.ok()) << ids.status();
    return ids.ok() ? ids->size() : 0;
  }
  size_t AccountShards() { return Shards(engine::ShardId::Kind::kAccount); }
  size_t MailboxShards() { return Shards(engine::ShardId::Kind::kMailbox); }

  FakeClock clock_;
  const TokenSealer sealer_{std::string(TokenSealer::kKeyOctets, 'k')};
  StoreOptions options_;
  std::unique_ptr<engine::MemoryEngine> engine_;
  std::unique_ptr<MailboxTable> mailboxes_;
  const FakeHasher* hasher_ = nullptr;
  std::unique_ptr<Directory> directory_;
};

}  // namespace restante::store
