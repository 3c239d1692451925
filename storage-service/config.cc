#include "storage-service/config.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/config.h"
#include "common/net.h"
#include "storage-service/rpc/delivery_load.h"
#include "storage-service/rpc/listen.h"

namespace restante {
namespace {

absl::Status CheckListen(const config::StorageConfig& config) {
  if (config.listen().empty()) return ConfigError("listen", "needs at least one address");
  for (const std::string& text : config.listen()) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    if (!address.ok()) return ConfigError("listen", address.status().message());
    if (!rpc::IsLocal(*address) && !config.allow_plaintext_network()) {
      return ConfigError(
          "listen", absl::StrCat("\"", text,
                                 "\" can be reached from other machines, in the clear and with "
                                 "no check of who they are; use a loopback address or a UNIX "
                                 "socket, or set allow_plaintext_network: true"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDuration(absl::string_view key, const google::protobuf::Duration& duration,
                           absl::Duration least) {
  if (FromProto(duration) >= least) return absl::OkStatus();
  return ConfigError(key, absl::StrCat("must be at least ", absl::FormatDuration(least)));
}

// Front-ends show life every second, and no lock may outlive a dead one by more than 6 s.
absl::Status CheckLeaseGrace(const config::StorageConfig& config) {
  const absl::Duration grace = FromProto(config.sessions().lease_grace());
  if (grace >= absl::Seconds(3) && grace <= absl::Seconds(5)) return absl::OkStatus();
  return ConfigError("sessions.lease_grace",
                     absl::StrCat(absl::FormatDuration(grace), " is out of range: 3s to 5s"));
}

absl::Status CheckRange(absl::string_view key, uint64_t value, uint64_t least, uint64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return ConfigError(key, absl::StrCat(value, " is out of range: ", least, " to ", most));
}

config::Pop3 ToConfig(const store::Pop3Policy& policy) {
  config::Pop3 pop3;
  pop3.set_deletion(static_cast<config::Pop3::Deletion>(policy.deletion));
  pop3.set_move_to(policy.move_to);
  *pop3.mutable_expire_retrieved() = ToProto(policy.RetrievedExpiry());
  *pop3.mutable_expire_arrived() = ToProto(policy.ArrivedExpiry());
  *pop3.mutable_login_delay() = ToProto(policy.LoginDelay());
  return pop3;
}

store::Pop3Policy FromConfig(const config::Pop3& pop3) {
  store::Pop3Policy policy;
  policy.deletion = static_cast<store::Pop3Policy::Deletion>(pop3.deletion());
  policy.move_to = pop3.move_to();
  policy.expire_retrieved = FromProto(pop3.expire_retrieved());
  policy.expire_arrived = FromProto(pop3.expire_arrived());
  policy.login_delay = FromProto(pop3.login_delay());
  return policy;
}

absl::Status CheckPop3(const config::Pop3& pop3) {
  if (pop3.move_to().empty()) return ConfigError("pop3.move_to", "names no mailbox");
  const absl::Status legal = store::CheckPolicy(FromConfig(pop3));
  if (legal.ok()) return legal;
  return ConfigError("pop3", legal.message());
}

}  // namespace

config::StorageConfig DefaultStorageConfig() {
  const store::StoreOptions store;
  const engine::EngineOptions engine;
  config::StorageConfig config;
  config.add_listen("127.0.0.1:9143");
  config.set_data_dir("./restante-data");
  config.set_max_message_octets(store.max_message_octets);
  *config.mutable_delivery_id_window() = ToProto(store.delivery_id_window);
  *config.mutable_expunged_grace() = ToProto(store.expunged_grace);
  *config.mutable_reclaim_interval() = ToProto(store.reclaim_interval);
  *config.mutable_change_log()->mutable_age() = ToProto(store.change_log_age);
  config.mutable_change_log()->set_entries(store.change_log_entries);
  config.mutable_disk()->set_reserve_octets(engine.reserve_octets);
  config.mutable_disk()->set_garbage_percent(
      static_cast<uint32_t>(std::lround(engine.garbage_share * 100)));
  *config.mutable_disk()->mutable_garbage_interval() = ToProto(engine.compaction_interval);
  config.mutable_quota()->set_octets(store.quota.octets.value_or(0));
  config.mutable_quota()->set_messages(store.quota.messages.value_or(0));
  config.mutable_quota()->set_grace_percent(store.quota_grace.percent);
  config.mutable_quota()->set_grace_octets(store.quota_grace.octets);
  const rpc::DeliveryLoad::Limits load;
  config.mutable_deliveries()->set_under_way(load.deliveries);
  config.mutable_deliveries()->set_octets(load.octets);
  config.mutable_deliveries()->set_streams(load.streams);
  *config.mutable_drain_time() = ToProto(absl::Seconds(5));
  *config.mutable_sessions()->mutable_lease_grace() = ToProto(store.lease_grace);
  *config.mutable_sessions()->mutable_unary_lease() = ToProto(store.unary_lease);
  *config.mutable_sessions()->mutable_auth_token_lifetime() =
      ToProto(store.auth_token_lifetime);
  config.mutable_passwords()->set_threads(store.password_threads);
  config.mutable_passwords()->set_queue(store.password_queue);
  config.mutable_passwords()->set_cache_entries(store.password_cache_entries);
  *config.mutable_passwords()->mutable_cache_lifetime() =
      ToProto(store.password_cache_lifetime);
  *config.mutable_pop3() = ToConfig(store.pop3_policy);
  *config.mutable_pop3()->mutable_expiry_interval() = ToProto(store.expiry_interval);
  config.mutable_caches()->set_accounts(store.cached_accounts);
  config.mutable_caches()->set_mailboxes(store.cached_mailboxes);
  config.mutable_engine()->set_block_cache_octets(engine.block_cache_octets);
  config.mutable_engine()->set_write_buffer_octets(engine.write_buffer_octets);
  config.mutable_engine()->set_queue_octets(engine.queue_octets);
  config.mutable_engine()->set_reader_threads(engine.reader_threads);
  config.mutable_engine()->set_background_jobs(engine.background_jobs);
  config.mutable_engine()->set_open_files(engine.open_files);
  return config;
}

absl::Status CheckStorageConfig(const config::StorageConfig& config) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  constexpr uint64_t kTiB = uint64_t{1} << 40;
  constexpr uint64_t kMany = 1'000'000'000;
  if (!config.backup().directory().empty() &&
      config.backup().directory() == config.data_dir()) {
    return ConfigError("backup.directory",
                       "is data_dir; backups need a directory of their own");
  }
  if (config.data_dir().empty()) return ConfigError("data_dir", "names no directory");
  for (const absl::Status& status : {
           CheckListen(config),
           CheckRange("max_message_octets", config.max_message_octets(), 1, kTiB),
           CheckDuration("delivery_id_window", config.delivery_id_window(),
                         absl::ZeroDuration()),
           CheckDuration("expunged_grace", config.expunged_grace(), absl::ZeroDuration()),
           CheckDuration("reclaim_interval", config.reclaim_interval(), absl::Milliseconds(10)),
           CheckDuration("change_log.age", config.change_log().age(), absl::ZeroDuration()),
           CheckRange("change_log.entries", config.change_log().entries(), 0, kMany),
           CheckRange("disk.reserve_octets", config.disk().reserve_octets(), 0, kTiB),
           CheckRange("disk.garbage_percent", config.disk().garbage_percent(), 1, 90),
           CheckDuration("disk.garbage_interval", config.disk().garbage_interval(),
                         absl::Milliseconds(10)),
           CheckRange("quota.grace_percent", config.quota().grace_percent(), 0, 1000),
           CheckRange("quota.grace_octets", config.quota().grace_octets(), 0, kTiB),
           CheckRange("deliveries.under_way", config.deliveries().under_way(), 1, kMany),
           CheckRange("deliveries.octets", config.deliveries().octets(), kMiB, kTiB),
           CheckRange("deliveries.streams", config.deliveries().streams(), 1, kMany),
           CheckDuration("drain_time", config.drain_time(), absl::ZeroDuration()),
           CheckLeaseGrace(config),
           CheckDuration("sessions.unary_lease", config.sessions().unary_lease(),
                         absl::Milliseconds(10)),
           CheckDuration("sessions.auth_token_lifetime",
                         config.sessions().auth_token_lifetime(), absl::Seconds(1)),
           CheckRange("passwords.threads", config.passwords().threads(), 0, 256),
           CheckRange("passwords.queue", config.passwords().queue(), 1, kMany),
           CheckRange("passwords.cache_entries", config.passwords().cache_entries(), 0, kMany),
           CheckDuration("passwords.cache_lifetime", config.passwords().cache_lifetime(),
                         absl::ZeroDuration()),
           CheckRange("caches.accounts", config.caches().accounts(), 1, kMany),
           CheckRange("caches.mailboxes", config.caches().mailboxes(), 1, kMany),
           CheckPop3(config.pop3()),
           CheckDuration("pop3.expiry_interval", config.pop3().expiry_interval(),
                         absl::Milliseconds(10)),
           CheckRange("engine.block_cache_octets", config.engine().block_cache_octets(), kMiB,
                      kTiB),
           CheckRange("engine.write_buffer_octets", config.engine().write_buffer_octets(), kMiB,
                      kTiB),
           CheckRange("engine.queue_octets", config.engine().queue_octets(), kMiB, kTiB),
           CheckRange("engine.reader_threads", config.engine().reader_threads(), 1, 256),
           CheckRange("engine.background_jobs", config.engine().background_jobs(), 1, 256),
           CheckRange("engine.open_files", config.engine().open_files(), 16, kMany),
       }) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

engine::EngineOptions EngineOptionsFrom(const config::StorageConfig& config) {
  engine::EngineOptions options;
  options.block_cache_octets = config.engine().block_cache_octets();
  options.write_buffer_octets = config.engine().write_buffer_octets();
  options.queue_octets = config.engine().queue_octets();
  options.reader_threads = static_cast<int>(config.engine().reader_threads());
  options.background_jobs = static_cast<int>(config.engine().background_jobs());
  options.open_files = static_cast<int>(config.engine().open_files());
  options.reserve_octets = config.disk().reserve_octets();
  options.backup_directory = config.backup().directory();
  options.compaction_interval = FromProto(config.disk().garbage_interval());
  options.garbage_share = config.disk().garbage_percent() / 100.0;
  return options;
}

store::StoreOptions StoreOptionsFrom(const config::StorageConfig& config) {
  store::StoreOptions options;
  options.max_message_octets = config.max_message_octets();
  options.delivery_id_window = FromProto(config.delivery_id_window());
  options.expunged_grace = FromProto(config.expunged_grace());
  options.reclaim_interval = FromProto(config.reclaim_interval());
  options.change_log_age = FromProto(config.change_log().age());
  options.change_log_entries = config.change_log().entries();
  if (config.quota().octets() > 0) options.quota.octets = config.quota().octets();
  if (config.quota().messages() > 0) options.quota.messages = config.quota().messages();
  options.quota_grace = {config.quota().grace_percent(), config.quota().grace_octets()};
  options.lease_grace = FromProto(config.sessions().lease_grace());
  options.unary_lease = FromProto(config.sessions().unary_lease());
  options.auth_token_lifetime = FromProto(config.sessions().auth_token_lifetime());
  options.password_threads = static_cast<int>(config.passwords().threads());
  options.password_queue = config.passwords().queue();
  options.password_cache_entries = config.passwords().cache_entries();
  options.password_cache_lifetime = FromProto(config.passwords().cache_lifetime());
  options.client_ca_file = config.client_ca_file();
  options.pop3_policy = FromConfig(config.pop3());
  options.expiry_interval = FromProto(config.pop3().expiry_interval());
  options.cached_accounts = config.caches().accounts();
  options.cached_mailboxes = config.caches().mailboxes();
  return options;
}

rpc::ServerOptions ServerOptionsFrom(const config::StorageConfig& config) {
  rpc::ServerOptions options;
  for (const std::string& text : config.listen()) {
    options.listen.push_back(*ParseListenAddress(text));
  }
  options.delivery_load = {config.deliveries().under_way(), config.deliveries().octets(),
                           config.deliveries().streams()};
  return options;
}

}  // namespace restante
