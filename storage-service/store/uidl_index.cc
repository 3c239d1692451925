#include "storage-service/store/uidl_index.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace restante::store {
namespace {

// The GUID that a UIDL would be derived from.
std::optional<Guid> GuidOf(const std::string& uidl) {
  std::string octets;
  if (!absl::WebSafeBase64Unescape(uidl, &octets)) return std::nullopt;
  const std::optional<Guid> guid = Guid::FromOctets(octets);
  if (!guid || DerivedUidl(*guid) != uidl) return std::nullopt;
  return guid;
}

}  // namespace

Task<KeyedAsyncMutex::Guard> UidlIndex::Lock(MailboxId mailbox, std::string uidl) {
  KeyedAsyncMutex::Guard guard = co_await locks_.Lock(absl::StrCat(mailbox.AsOctets(), uidl));
  co_return guard;
}

Task<absl::StatusOr<bool>> UidlIndex::IsTaken(MailboxId mailbox, std::string uidl) {
  using Value = absl::StatusOr<std::optional<std::string>>;
  Value entry = co_await Await<Value>([&](Done<Value> done) {
    engine_->Get(MailboxShard(mailbox), UidlKey(uidl), std::move(done));
  });
  if (!entry.ok()) co_return entry.status();
  if (entry->has_value()) co_return true;

  // A message with a derived UIDL is found by its body, which has the GUID as its id.
  const std::optional<Guid> guid = GuidOf(uidl);
  if (!guid) co_return false;
  using References = absl::StatusOr<std::vector<engine::BodyReference>>;
  References references = co_await Await<References>(
      [&](Done<References> done) { engine_->GetReferences(*guid, std::move(done)); });
  if (!references.ok()) co_return references.status();
  for (const engine::BodyReference& reference : *references) {
    if (reference.mailbox != mailbox) continue;
    absl::StatusOr<bool> valid = co_await bodies_->IsValid(*guid, reference);
    if (!valid.ok() || *valid) co_return valid;
  }
  co_return false;
}

void UidlIndex::Record(const StoredRow& row, uint32_t uid, Change& change) {
  if (!row.own_uidl.empty()) change.puts.emplace_back(UidlKey(row.own_uidl), UidValue(uid));
}

void UidlIndex::Forget(const StoredRow& row, Change& change) {
  if (!row.own_uidl.empty()) change.deletes.push_back(UidlKey(row.own_uidl));
}

}  // namespace restante::store
