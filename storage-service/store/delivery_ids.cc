#include "storage-service/store/delivery_ids.h"

#include <openssl/sha.h>

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage-service/store/mailbox_rows.h"

namespace restante::store {
namespace {

constexpr size_t kDropsAtOnce = 128;

}  // namespace

std::string DeliveryKeyOf(absl::string_view delivery_id, uint32_t copy) {
  // An id may hold any octet: the length tells where it ends.
  const std::string text = absl::StrCat(delivery_id.size(), ":", delivery_id, copy);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return std::string(reinterpret_cast<const char*>(digest), 16);
}

Task<KeyedAsyncMutex::Guard> DeliveryIds::Lock(MailboxId mailbox, std::string key) {
  KeyedAsyncMutex::Guard guard = co_await locks_.Lock(absl::StrCat(mailbox.AsOctets(), key));
  co_return guard;
}

Task<absl::StatusOr<std::optional<DeliveryRecord>>> DeliveryIds::Find(MailboxId mailbox,
                                                                      std::string key,
                                                                      absl::Time now) {
  using Value = absl::StatusOr<std::optional<std::string>>;
  Value value = co_await Await<Value>([&](Done<Value> done) {
    engine_->Get(MailboxShard(mailbox), DeliveryKey(key), std::move(done));
  });
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) co_return std::optional<DeliveryRecord>();
  absl::StatusOr<DeliveryRecord> record = DecodeDelivery(**value);
  if (!record.ok()) co_return record.status();
  if (record->accepted + window_ <= now) co_return std::optional<DeliveryRecord>();
  co_return std::optional<DeliveryRecord>(*record);
}

void DeliveryIds::Record(const std::string& key, const DeliveryRecord& record, Change& change) {
  change.puts.emplace_back(DeliveryKey(key), Encode(record));
  change.puts.emplace_back(DeliveryTimeKey(record.accepted, key), std::string());
}

Task<absl::StatusOr<DeliveryIds::Dropped>> DeliveryIds::DropOld(
    std::shared_ptr<Mailbox> mailbox, absl::Time now) {
  absl::StatusOr<engine::ScanPage> page =
      co_await ScanKeys(engine_, mailbox->id(), std::string(1, kDeliveryTimePrefix),
                        EndOf(kDeliveryTimePrefix), kDropsAtOnce + 1);
  if (!page.ok()) co_return page.status();
  Dropped dropped;
  std::vector<TimeAndDelivery> old;
  for (const auto& [key, value] : page->entries) {
    absl::StatusOr<TimeAndDelivery> entry = ParseDeliveryTimeKey(key);
    if (!entry.ok()) co_return entry.status();
    const bool counts = entry->accepted + window_ > now;
    if (counts || old.size() == kDropsAtOnce) {
      dropped.more = !counts;
      dropped.oldest_left = entry->accepted;
      break;
    }
    old.push_back(*std::move(entry));
  }
  if (old.empty()) co_return dropped;

  // A delivery with the same id may come in just now, and write its record anew.
  std::sort(old.begin(), old.end(), [](const TimeAndDelivery& a, const TimeAndDelivery& b) {
    return std::tie(a.key, a.accepted) < std::tie(b.key, b.accepted);
  });
  std::vector<KeyedAsyncMutex::Guard> turns;
  Change change;
  std::string last_key;
  for (const TimeAndDelivery& entry : old) {
    change.deletes.push_back(DeliveryTimeKey(entry.accepted, entry.key));
    if (entry.key == last_key) continue;
    last_key = entry.key;
    KeyedAsyncMutex::Guard turn = co_await Lock(mailbox->id(), entry.key);
    turns.push_back(std::move(turn));
    absl::StatusOr<std::optional<DeliveryRecord>> counting =
        co_await Find(mailbox->id(), entry.key, now);
    if (!counting.ok()) co_return counting.status();
    if (!counting->has_value()) change.deletes.push_back(DeliveryKey(entry.key));
  }
  Mailbox::Plan plan = [&change](Head&, Change& commit) -> absl::Status {
    commit = std::move(change);
    return absl::OkStatus();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  co_return dropped;
}

}  // namespace restante::store
