#include "storage-service/store/verifier.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/mailbox_verifier.h"

namespace restante::store {
namespace {

constexpr size_t kPage = 1024;

}  // namespace

Task<absl::StatusOr<VerifySummary>> Verifier::Run(bool read_bodies,
                                                  std::function<void(VerifyFinding)> report) {
  VerifySummary summary;
  // Tasks here follow one another, so findings do.
  const Report count_and_report = [&summary, &report](VerifyFinding finding) {
    ++(finding.is_error ? summary.errors : summary.notes);
    report(std::move(finding));
  };
  absl::StatusOr<uint64_t> accounts = co_await directory_->Verify(count_and_report);
  if (!accounts.ok()) co_return accounts.status();
  summary.accounts = *accounts;
  absl::Status verified = co_await VerifyMailboxes(read_bodies, &summary, count_and_report);
  if (!verified.ok()) co_return verified;
  verified = co_await VerifyBodies(&summary, count_and_report);
  if (!verified.ok()) co_return verified;
  co_return summary;
}

Task<absl::Status> Verifier::VerifyMailboxes(bool read_bodies, VerifySummary* summary,
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
      absl::StatusOr<MailboxTotals> totals =
          co_await VerifyMailbox(engine_, mailbox, where, read_bodies, report);
      if (!totals.ok()) co_return totals.status();
      if (totals->gone) continue;
      ++summary->mailboxes;
      summary->messages += totals->messages;
      summary->octets += totals->octets;
      absl::Status owned = co_await VerifyOwner(mailbox, totals->owner, where, report);
      if (!owned.ok()) co_return owned;
    }
    after = page->back();
  }
}

Task<absl::Status> Verifier::VerifyOwner(MailboxId mailbox, AccountId owner, std::string where,
                                         Report report) {
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
  co_return absl::OkStatus();
}

Task<absl::Status> Verifier::VerifyBodies(VerifySummary* summary, Report report) {
  using Page = absl::StatusOr<std::vector<engine::BodyInfo>>;
  engine::BodyId after;
  while (true) {
    Page page = co_await Await<Page>(
        [&](Done<Page> done) { engine_->ListBodies(after, kPage, std::move(done)); });
    if (!page.ok()) co_return page.status();
    if (page->empty()) co_return absl::OkStatus();
    for (const engine::BodyInfo& body : *page) {
      ++summary->bodies;
      absl::StatusOr<bool> orphan = co_await IsOrphan(body);
      if (!orphan.ok()) co_return orphan.status();
      if (*orphan) {
        report({false, absl::StrCat("body ", body.body.ToHex()),
                absl::StrCat("an orphan of ", body.octets, " octets: no message holds it")});
      }
    }
    after = page->back().body;
  }
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
