#include "storage-service/store/mailbox_repair.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "common/errors.h"
#include "storage-service/store/mailbox_reading.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/mailbox_state.h"

namespace restante::store {
namespace {

constexpr int kRepairTries = 5;

}  // namespace

Task<absl::Status> RepairMailbox(RepairTools tools, MailboxId mailbox, RepairOptions options) {
  absl::StatusOr<std::shared_ptr<Mailbox>> found = co_await tools.mailboxes->Find(mailbox);
  if (!found.ok()) co_return found.status();
  std::shared_ptr<Mailbox> state = *std::move(found);
  AsyncMutex::Guard guard = co_await state->changes().Lock();
  for (int attempt = 0; attempt < kRepairTries; ++attempt) {
    absl::Status loaded = co_await state->Load();
    if (!loaded.ok()) co_return loaded;
    const Head head = state->durable();
    MailboxReading repair(tools, mailbox, options, head);
    absl::Status read = co_await repair.Read();
    if (!read.ok()) co_return read;
    Mailbox::Plan plan = [&repair](Head& head, Change& change) {
      return repair.Apply(head, change);
    };
    CommitResult result = co_await state->Commit(std::move(plan));
    if (absl::IsAborted(result.status)) continue;
    if (!result.status.ok()) co_return result.status;
    state->ForgetRows();
    for (const auto& [body, uid] : repair.given_up()) {
      if (body.IsZero()) continue;
      absl::StatusOr<bool> erased = co_await tools.mailboxes->bodies().EraseIfUnneeded(body);
      if (!erased.ok()) co_return erased.status();
    }
    co_return absl::OkStatus();
  }
  co_return OverloadedError("the mailbox changes too fast to be repaired", absl::Seconds(1));
}

Task<absl::Status> RebuildHead(RepairTools tools, MailboxId mailbox, AccountId owner,
                               uint32_t uidvalidity) {
  using Version = absl::StatusOr<engine::Version>;
  Version version = co_await Await<Version>([&](Done<Version> done) {
    tools.engine->GetVersion(MailboxShard(mailbox), std::move(done));
  });
  if (!version.ok()) co_return version.status();
  Head head;
  head.owner = owner;
  head.uidvalidity = uidvalidity;
  // UIDs and MODSEQs go on above all that there are; what isn't there any more the new
  // UIDVALIDITY makes a thing of the past.
  for (const char prefix : {kRowPrefix, kChangePrefix, kExpungedPrefix, kTombstonePrefix}) {
    std::string begin(1, prefix);
    while (!begin.empty()) {
      absl::StatusOr<engine::ScanPage> page =
          co_await ScanKeys(tools.engine, mailbox, begin, EndOf(prefix), kPageRows);
      if (!page.ok()) co_return page.status();
      for (const auto& [key, value] : page->entries) {
        const absl::StatusOr<uint32_t> uid = ParseRowKey(key);
        const absl::StatusOr<ModseqAndUid> place = ParseModseqKey(key);
        const uint32_t known = prefix == kRowPrefix ? uid.value_or(0)
                               : place.ok()         ? place->uid
                                                    : 0;
        if (known != UINT32_MAX) head.uid_next = std::max(head.uid_next, known + 1);
        if (prefix != kRowPrefix && place.ok()) {
          head.highest_modseq = std::max(head.highest_modseq, place->modseq);
        }
      }
      begin = std::move(page->next);
    }
  }
  head.log_floor_modseq = head.highest_modseq;
  engine::CommitRequest request;
  request.shard = MailboxShard(mailbox);
  request.expected = *version;
  request.puts.emplace_back(HeadKey(), Encode(head));
  Version made = co_await Await<Version>(
      [&](Done<Version> done) { tools.engine->Commit(std::move(request), std::move(done)); });
  co_return made.status();
}

}  // namespace restante::store
