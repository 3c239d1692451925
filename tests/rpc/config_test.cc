// The configuration of restante-storage.
#include "storage-service/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/config.h"

namespace restante {
namespace {

using ::testing::HasSubstr;

TEST(StorageConfig, TheDefaultsAreValidAndStayOnThisMachine) {
  const config::StorageConfig config = DefaultStorageConfig();
  EXPECT_TRUE(CheckStorageConfig(config).ok()) << CheckStorageConfig(config);
  EXPECT_EQ(FormatAddress(ServerOptionsFrom(config).listen.at(0)), "127.0.0.1:9143");
}

TEST(StorageConfig, TheDefaultsAreThoseOfTheStoreAndTheEngine) {
  const config::StorageConfig config = DefaultStorageConfig();
  const store::StoreOptions store = StoreOptionsFrom(config);
  EXPECT_EQ(store.max_message_octets, store::StoreOptions().max_message_octets);
  EXPECT_EQ(store.delivery_id_window, store::StoreOptions().delivery_id_window);
  EXPECT_EQ(store.lease_grace, store::StoreOptions().lease_grace);
  EXPECT_EQ(store.password_queue, store::StoreOptions().password_queue);
  EXPECT_EQ(EngineOptionsFrom(config).block_cache_octets,
            engine::EngineOptions().block_cache_octets);
}

TEST(StorageConfig, EveryKeyReachesItsOption) {
  config::StorageConfig config = DefaultStorageConfig();
  ASSERT_TRUE(ParseYaml(R"(
listen: ["unix:/run/restante/grpc", "[::1]:7"]
data_dir: /srv/mail
max_message_octets: 10MiB
delivery_id_window: 1d
expunged_grace: 2h
change_log: {age: 40d, entries: 7}
reclaim_interval: 3s
drain_time: 4s
sessions: {lease_grace: 4s, unary_lease: 7s, auth_token_lifetime: 8s}
passwords: {threads: 2, queue: 3, cache_entries: 4, cache_lifetime: 5s}
caches: {accounts: 6, mailboxes: 7}
pop3:
  deletion: move
  move_to: Old mail
  expire_retrieved: 9d
  expire_arrived: 90d
  login_delay: 10s
  expiry_interval: 11m
engine:
  block_cache_octets: 8MiB
  write_buffer_octets: 9MiB
  queue_octets: 10MiB
  reader_threads: 11
  background_jobs: 12
  open_files: 100
)",
                        "test", &config)
                  .ok());
  ASSERT_TRUE(CheckStorageConfig(config).ok()) << CheckStorageConfig(config);
  const store::StoreOptions store = StoreOptionsFrom(config);
  EXPECT_EQ(store.max_message_octets, 10u << 20);
  EXPECT_EQ(store.delivery_id_window, absl::Hours(24));
  EXPECT_EQ(store.expunged_grace, absl::Hours(2));
  EXPECT_EQ(store.change_log_age, absl::Hours(24 * 40));
  EXPECT_EQ(store.change_log_entries, 7u);
  EXPECT_EQ(store.reclaim_interval, absl::Seconds(3));
  EXPECT_EQ(store.lease_grace, absl::Seconds(4));
  EXPECT_EQ(store.unary_lease, absl::Seconds(7));
  EXPECT_EQ(store.auth_token_lifetime, absl::Seconds(8));
  EXPECT_EQ(store.pop3_policy.deletion, store::Pop3Policy::Deletion::kMove);
  EXPECT_EQ(store.pop3_policy.move_to, "Old mail");
  EXPECT_EQ(store.pop3_policy.expire_retrieved, absl::Hours(9 * 24));
  EXPECT_EQ(store.pop3_policy.expire_arrived, absl::Hours(90 * 24));
  EXPECT_EQ(store.pop3_policy.login_delay, absl::Seconds(10));
  EXPECT_EQ(store.expiry_interval, absl::Minutes(11));
  EXPECT_EQ(store.password_threads, 2);
  EXPECT_EQ(store.password_queue, 3u);
  EXPECT_EQ(store.password_cache_entries, 4u);
  EXPECT_EQ(store.password_cache_lifetime, absl::Seconds(5));
  EXPECT_EQ(store.cached_accounts, 6u);
  EXPECT_EQ(store.cached_mailboxes, 7u);
  const engine::EngineOptions engine = EngineOptionsFrom(config);
  EXPECT_EQ(engine.block_cache_octets, 8u << 20);
  EXPECT_EQ(engine.write_buffer_octets, 9u << 20);
  EXPECT_EQ(engine.queue_octets, 10u << 20);
  EXPECT_EQ(engine.reader_threads, 11);
  EXPECT_EQ(engine.background_jobs, 12);
  EXPECT_EQ(engine.open_files, 100);
  const rpc::ServerOptions server = ServerOptionsFrom(config);
  ASSERT_EQ(server.listen.size(), 2u);
  EXPECT_TRUE(server.listen[0].IsUnix());
  EXPECT_EQ(server.listen[1].tcp.port(), 7);
}

TEST(StorageConfig, AnAddressOnTheNetworkNeedsToBeAllowed) {
  config::StorageConfig config = DefaultStorageConfig();
  config.set_listen(0, "0.0.0.0:9143");
  const absl::Status refused = CheckStorageConfig(config);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("0.0.0.0:9143"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("allow_plaintext_network"));
  config.set_allow_plaintext_network(true);
  EXPECT_TRUE(CheckStorageConfig(config).ok());
}

TEST(StorageConfig, WhatCannotWorkIsRefusedWithItsKey) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"listen=[]", "listen"},
      {"listen=[nowhere]", "listen"},
      {"data_dir=''", "data_dir"},
      {"max_message_octets=0", "max_message_octets"},
      {"drain_time=-1s", "drain_time"},
      {"sessions.lease_grace=2900ms", "sessions.lease_grace"},
      {"sessions.lease_grace=5100ms", "sessions.lease_grace"},
      {"passwords.threads=257", "passwords.threads"},
      {"pop3.move_to=", "pop3.move_to"},
      {"pop3.move_to=inbox", "move_to"},
      {"pop3.login_delay=25h", "login_delay"},
      {"pop3.expiry_interval=1ms", "pop3.expiry_interval"},
      {"passwords.queue=0", "passwords.queue"},
      {"caches.mailboxes=0", "caches.mailboxes"},
      {"engine.block_cache_octets=1", "engine.block_cache_octets"},
      {"engine.reader_threads=0", "engine.reader_threads"},
  };
  for (const auto& [assignment, key] : cases) {
    config::StorageConfig config = DefaultStorageConfig();
    absl::Status status = ApplyOverride(assignment, &config);
    if (status.ok()) status = CheckStorageConfig(config);
    EXPECT_FALSE(status.ok()) << assignment;
    EXPECT_THAT(std::string(status.message()), HasSubstr(key)) << assignment;
  }
}

}  // namespace
}  // namespace restante
