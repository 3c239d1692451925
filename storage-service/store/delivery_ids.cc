#include "storage-service/store/delivery_ids.h"

#include <openssl/sha.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace restante::store {

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

}  // namespace restante::store
