#include "storage-service/store/orphans.h"

#include <optional>
#include <vector>

#include "common/log.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"

namespace restante::store {
namespace {

// The reclaimer passes every ten seconds: a hundred of each kind a second.
constexpr size_t kLookedAtOnce = 1000;

}  // namespace

Task<absl::StatusOr<uint64_t>> Orphans::LookOn() {
  if (!accounts_.end) {
    const absl::StatusOr<AccountId> last = co_await erase_accounts_(accounts_.after);
    if (!last.ok()) co_return last.status();
    accounts_ = {*last, *last == AccountId()};
  }
  if (!in_mailboxes_.end) {
    const absl::Status looked = co_await LookAtMailboxes();
    if (!looked.ok()) co_return looked;
  }
  if (bodies_.end) co_return uint64_t{0};
  absl::StatusOr<uint64_t> erased = co_await LookAtBodies();
  co_return erased;
}

Task<absl::Status> Orphans::LookAtMailboxes() {
  using Page = absl::StatusOr<std::vector<Id128>>;
  Page page = co_await Await<Page>([this](Done<Page> done) {
    engine_->ListShards(engine::ShardId::Kind::kMailbox, in_mailboxes_.after, kLookedAtOnce,
                        std::move(done));
  });
  if (!page.ok()) co_return page.status();
  for (const MailboxId& mailbox : *page) {
    const absl::Status looked = co_await LookAt(mailbox);
    if (!looked.ok()) co_return looked;
    in_mailboxes_.after = mailbox;
  }
  in_mailboxes_.end = page->size() < kLookedAtOnce;
  if (in_mailboxes_.end) mailboxes_->ForgetWhatWasMade();
  co_return absl::OkStatus();
}

Task<absl::Status> Orphans::LookAt(MailboxId mailbox) {
  absl::StatusOr<std::optional<Head>> head = co_await ReadHead(engine_, mailbox);
  // Verify's to report.
  if (absl::IsDataLoss(head.status())) co_return absl::OkStatus();
  if (!head.ok()) co_return head.status();
  // What is marked is the reclaimer's.
  if (!head->has_value() || (*head)->erasing || (*head)->deleting) co_return absl::OkStatus();
  if ((*head)->uid_next > 1) co_return absl::OkStatus();
  absl::StatusOr<bool> named = co_await is_named_((*head)->owner, mailbox);
  if (!named.ok()) co_return named.status();
  // One that was made a moment ago may not have its name yet.
  if (*named || mailboxes_->WasMade(mailbox)) co_return absl::OkStatus();
  LogInfo("store", "ErasesOrphan", {{"mailbox", mailbox.ToHex()}});
  absl::Status erased = co_await mailboxes_->Erase(mailbox);
  co_return erased;
}

Task<absl::StatusOr<uint64_t>> Orphans::LookAtBodies() {
  using Page = absl::StatusOr<std::vector<engine::BodyInfo>>;
  Page page = co_await Await<Page>([this](Done<Page> done) {
    engine_->ListBodies(bodies_.after, kLookedAtOnce, std::move(done));
  });
  if (!page.ok()) co_return page.status();
  uint64_t erased = 0;
  for (const engine::BodyInfo& body : *page) {
    // One that is still to be written, or about to get a row, is held.
    absl::StatusOr<bool> gone = co_await mailboxes_->bodies().EraseIfUnneeded(body.body);
    if (!gone.ok() && !absl::IsDataLoss(gone.status())) co_return gone.status();
    if (gone.ok() && !*gone && body.references.size() > 1) {
      absl::StatusOr<uint64_t> dropped = co_await mailboxes_->bodies().DropDangling(body.body);
      if (!dropped.ok() && !absl::IsDataLoss(dropped.status())) co_return dropped.status();
    }
    erased += gone.value_or(false) ? 1 : 0;
    bodies_.after = body.body;
  }
  bodies_.end = page->size() < kLookedAtOnce;
  co_return erased;
}

}  // namespace restante::store
