#include "storage-service/store/verifier.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/mailbox_verifier.h"

namespace restante::store {
namespace {

constexpr size_t kPage = 1024;

std::string KeyOf(const VerifyFinding& finding) {
  return absl::StrCat(finding.where, "\n", finding.message);
}

}  // namespace

Task<absl::StatusOr<VerifySummary>> Verifier::Run(VerifyOptions options,
                                                  std::function<void(VerifyFinding)> report) {
  if (!options.repair) {
    absl::StatusOr<VerifySummary> summary = co_await Walk(options, std::move(report));
    co_return summary;
  }
  std::vector<VerifyFinding> found;
  absl::StatusOr<VerifySummary> before = co_await Walk(
      options, [&found](VerifyFinding finding) { found.push_back(std::move(finding)); });
  if (!before.ok()) co_return before.status();
  options.repair = false;
  absl::flat_hash_set<std::string> left;
  absl::StatusOr<VerifySummary> summary =
      co_await Walk(options, [&left, &report](VerifyFinding finding) {
        left.insert(KeyOf(finding));
        report(std::move(finding));
      });
  if (!summary.ok()) co_return summary.status();
  for (VerifyFinding& finding : found) {
    if (left.contains(KeyOf(finding))) continue;
    finding.repaired = true;
    ++summary->repaired;
    report(std::move(finding));
  }
  co_return summary;
}

Task<absl::StatusOr<VerifySummary>> Verifier::Walk(VerifyOptions options, Report report) {
  VerifySummary summary;
  // Tasks here follow one another, so findings do.
  const Report count_and_report = [&summary, &report](VerifyFinding finding) {
    ++(finding.is_error ? summary.errors : summary.notes);
    report(std::move(finding));
  };
  absl::StatusOr<uint64_t> accounts =
      co_await directory_->Verify(count_and_report, options.repair);
  if (!accounts.ok()) co_return accounts.status();
  summary.accounts = *accounts;
  absl::Status verified = co_await VerifyMailboxes(options, &summary, count_and_report);
  if (!verified.ok()) co_return verified;
  verified = co_await VerifyBodies(options, &summary, count_and_report);
  if (!verified.ok()) co_return verified;
  co_return summary;
}

Task<absl::Status> Verifier::VerifyMailboxes(VerifyOptions options, VerifySummary* summary,
                                             Report report) {
  using Page = absl::StatusOr<std::vector<Id128>>;
  Id128 after;
  while (true) {
    Page page = co_await Await<Page>([&](Done<Page> done) {
      engine_->ListShards(engine::ShardId::Kind::kMailbox, after, kPage, std::move(done));
    });
    if (!page.ok()) co_return page.status();
    if (page->empty()) co_return absl::OkStatus();
    for (const MailboxId& mailbox : *page) {
      const std::string where = absl::StrCat("mailbox ", mailbox.ToHex());
      bool wrong = false;
      Report watched = [&wrong, &report](VerifyFinding finding) {
        wrong |= finding.is_error;
        report(std::move(finding));
      };
      absl::StatusOr<MailboxTotals> totals = co_await VerifyMailbox(
          engine_, mailbox, where, options.read_bodies, std::move(watched));
      if (!totals.ok()) co_return totals.status();
      if (totals->gone) continue;
      ++summary->mailboxes;
      summary->messages += totals->messages;
      summary->octets += totals->octets;
      if (wrong && options.repair) {
        absl::Status repaired = co_await Repair(mailbox, options);
        if (!repaired.ok()) co_return repaired;
      }
      absl::Status owned =
          co_await VerifyOwner(mailbox, *totals, where, options.repair, report);
      if (!owned.ok()) co_return owned;
    }
    after = page->back();
  }
}

Task<absl::Status> Verifier::VerifyOwner(MailboxId mailbox, MailboxTotals totals,
                                         std::string where, bool repair, Report report) {
  const AccountId owner = totals.owner;
  if (!totals.has_head) co_return absl::OkStatus();  // told of already
  absl::StatusOr<Directory::Entry> account = co_await directory_->FindById(owner);
  if (account.ok()) {
    const auto named = co_await directory_->MailboxesOf(owner);
    if (!named.ok()) co_return named.status();
    for (const Directory::NamedMailbox& candidate : *named) {
      if (candidate.id == mailbox) co_return absl::OkStatus();
    }
  }
  if (!account.ok() && ReasonOf(account.status()) != v1::ERROR_REASON_NO_SUCH_ACCOUNT) {
    co_return account.status();
  }
  // A crash between the making of a mailbox and of its account leaves this.
  report({false, where, absl::StrCat("belongs to no account; its owner was ", owner.ToHex())});
  // One that holds nothing is harmless, and may be getting its name just now.
  if (!repair || !account.ok() || totals.messages == 0 || totals.deleting) {
    co_return absl::OkStatus();
  }
  Directory::NamedMailbox recovered;
  recovered.name = absl::StrCat("Recovered-", mailbox.ToHex().substr(0, 8));
  recovered.id = mailbox;
  recovered.uidvalidity = totals.uidvalidity;
  absl::Status attached = co_await directory_->Reattach(owner, std::move(recovered));
  co_return attached;
}

Task<absl::Status> Verifier::Repair(MailboxId mailbox, VerifyOptions options) {
  absl::Status repaired = co_await RepairHead(mailbox);
  if (repaired.ok()) {
    repaired = co_await RepairMailbox(Tools(), mailbox,
                                      {options.read_bodies, options.expunge_unreadable});
  }
  switch (ReasonOf(repaired)) {
    case v1::ERROR_REASON_CORRUPT:
    case v1::ERROR_REASON_NO_SUCH_MAILBOX:
    case v1::ERROR_REASON_OVERLOADED:
      LogWarning("store", "MailboxNotRepaired",
                 {{"mailbox", mailbox.ToHex()}, {"error", repaired}});
      co_return absl::OkStatus();
    default:
      co_return repaired;
  }
}

Task<absl::Status> Verifier::RepairHead(MailboxId mailbox) {
  absl::StatusOr<std::optional<Head>> head = co_await ReadHead(engine_, mailbox);
  if (head.ok() && head->has_value()) co_return absl::OkStatus();
  if (!head.ok() && ReasonOf(head.status()) != v1::ERROR_REASON_CORRUPT) {
    co_return head.status();
  }
  absl::StatusOr<std::optional<Directory::Owner>> owner = co_await directory_->OwnerOf(mailbox);
  if (!owner.ok()) co_return owner.status();
  if (!owner->has_value()) {
    co_return MakeError(v1::ERROR_REASON_NO_SUCH_MAILBOX,
                        "it has no head, and no account names it");
  }
  const absl::StatusOr<uint32_t> uidvalidity =
      co_await directory_->NewUidvalidity((*owner)->account);
  if (!uidvalidity.ok()) co_return uidvalidity.status();
  absl::Status rebuilt =
      co_await RebuildHead(Tools(), mailbox, (*owner)->account, *uidvalidity);
  if (!rebuilt.ok()) co_return rebuilt;
  Directory::NamedMailbox named = (*owner)->mailbox;
  named.uidvalidity = *uidvalidity;
  absl::Status set = co_await directory_->SetUidvalidity((*owner)->account, std::move(named));
  co_return set;
}

Task<absl::Status> Verifier::VerifyBodies(VerifyOptions options, VerifySummary* summary,
                                          Report report) {
  using Page = absl::StatusOr<std::vector<engine::BodyInfo>>;
  engine::BodyId after;
  while (true) {
    Page page = co_await Await<Page>(
        [&](Done<Page> done) { engine_->ListBodies(after, kPage, std::move(done)); });
    if (!page.ok()) co_return page.status();
    if (page->empty()) co_return absl::OkStatus();
    for (const engine::BodyInfo& body : *page) {
      ++summary->bodies;
      const std::string where = absl::StrCat("body ", body.body.ToHex());
      absl::StatusOr<bool> orphan = co_await IsOrphan(body);
      if (!orphan.ok()) co_return orphan.status();
      if (*orphan) {
        report({false, where,
                absl::StrCat("an orphan of ", body.octets, " octets: no message holds it")});
        if (!options.repair) continue;
        absl::StatusOr<bool> erased = co_await mailboxes_->bodies().EraseIfUnneeded(body.body);
        if (!erased.ok()) co_return erased.status();
        continue;
      }
      absl::StatusOr<uint64_t> dangling = co_await CountDangling(body);
      if (!dangling.ok()) co_return dangling.status();
      if (*dangling == 0) continue;
      report({false, where,
              absl::StrCat("has ", *dangling, " references that no message stands behind")});
      if (!options.repair) continue;
      dangling = co_await mailboxes_->bodies().DropDangling(body.body);
      if (!dangling.ok()) co_return dangling.status();
    }
    after = page->back().body;
  }
}

Task<absl::StatusOr<uint64_t>> Verifier::CountDangling(engine::BodyInfo body) {
  uint64_t dangling = 0;
  for (const engine::BodyReference& reference : body.references) {
    absl::StatusOr<bool> valid = co_await mailboxes_->bodies().IsValid(body.body, reference);
    if (valid.ok() && *valid) continue;
    // Somebody may be about to write the row, or have written it by now.
    if (mailboxes_->bodies().IsHeld(body.body)) co_return uint64_t{0};
    valid = co_await mailboxes_->bodies().IsValid(body.body, reference);
    // A row that can't be decoded has been told of; it may hold this body.
    if (ReasonOf(valid.status()) == v1::ERROR_REASON_CORRUPT) continue;
    if (!valid.ok()) co_return valid.status();
    if (*valid) continue;
    // Or it was expunged and reclaimed, with its reference, since the page was read.
    using References = absl::StatusOr<std::vector<engine::BodyReference>>;
    References now = co_await Await<References>(
        [&](Done<References> done) { engine_->GetReferences(body.body, std::move(done)); });
    if (!now.ok()) co_return now.status();
    if (std::find(now->begin(), now->end(), reference) != now->end()) ++dangling;
  }
  co_return dangling;
}

Task<absl::StatusOr<bool>> Verifier::IsHeldByOneOf(
    engine::BodyId body, std::vector<engine::BodyReference> references) {
  for (const engine::BodyReference& reference : references) {
    absl::StatusOr<bool> valid = co_await mailboxes_->bodies().IsValid(body, reference);
    // A row that can't be decoded has been told of; it may hold this body.
    if (ReasonOf(valid.status()) == v1::ERROR_REASON_CORRUPT) co_return true;
    if (!valid.ok()) co_return valid.status();
    if (*valid) co_return true;
  }
  co_return false;
}

Task<absl::StatusOr<bool>> Verifier::IsOrphan(engine::BodyInfo body) {
  absl::StatusOr<bool> held = co_await IsHeldByOneOf(body.body, body.references);
  if (!held.ok()) co_return held.status();
  if (*held) co_return false;
  // A delivery may hold it, or have held it and written its rows by now, or the
  // reclaimer may have erased it: so look again.
  if (mailboxes_->bodies().IsHeld(body.body)) co_return false;
  using References = absl::StatusOr<std::vector<engine::BodyReference>>;
  References now = co_await Await<References>(
      [&](Done<References> done) { engine_->GetReferences(body.body, std::move(done)); });
  if (!now.ok()) co_return now.status();
  held = co_await IsHeldByOneOf(body.body, *now);
  if (!held.ok()) co_return held.status();
  if (*held) co_return false;
  if (!now->empty()) co_return true;
  absl::StatusOr<std::string> first = co_await Await<absl::StatusOr<std::string>>(
      [&](auto done) { engine_->ReadBody(body.body, 0, 1, std::move(done)); });
  co_return !absl::IsNotFound(first.status());
}

}  // namespace restante::store
