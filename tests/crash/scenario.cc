#include "tests/crash/scenario.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "storage-service/async/task.h"

namespace restante::store {
namespace {

constexpr char kAnna[] = "anna@example.org";
constexpr char kBert[] = "bert@example.org";
// Of "secret"; cheap to verify.
constexpr char kSecretHash[] =
    "$5$rounds=1000$restantetest$bMeNzWqKX0C/TAD8lXJwomEY64/x/EWLHsNXk0UY.r6";

// Several chunks.
constexpr size_t kLarge = 150'000;

std::string Numbered(int number, size_t octets = 0) {
  std::string message = absl::StrCat("Subject: ", number, "\r\n\r\n");
  while (message.size() < octets) absl::StrAppend(&message, "line ", message.size(), "\r\n");
  return message;
}

absl::Status Create(Store& store, const std::string& address) {
  return SyncWait(store.accounts().Create({address, CryptHash{kSecretHash}, 0})).status();
}

absl::Status DeliverTo(Store& store, std::vector<std::string> recipients,
                       const std::string& message, const std::string& id = "") {
  Envelope envelope;
  envelope.recipients = std::move(recipients);
  envelope.delivery_id = id;
  auto delivery = SyncWait(store.deliveries().Begin(std::move(envelope)));
  if (!delivery.ok()) return delivery.status();
  if (absl::Status status = SyncWait((*delivery)->Append(message)); !status.ok()) return status;
  for (const RecipientResult& result : SyncWait((*delivery)->Finish())) {
    if (!result.status.ok()) return result.status;
  }
  return absl::OkStatus();
}

absl::Status AppendSome(Store& store, const std::string& mailbox) {
  auto appending = SyncWait(store.mailboxes().Append(kAnna, mailbox));
  if (!appending.ok()) return appending.status();
  for (const int number : {71, 72, 73}) {
    const std::string message = Numbered(number, number == 72 ? kLarge : 0);
    absl::Status status =
        SyncWait((*appending)->Begin({.flags = {"\\Seen"}}, false, message.size()));
    if (status.ok()) status = SyncWait((*appending)->Add(message));
    if (status.ok()) status = SyncWait((*appending)->End());
    if (!status.ok()) return status;
  }
  return SyncWait((*appending)->Finish()).status();
}

// A POP3 session that retrieves and deletes.
absl::Status SessionDeletes(Store& store, std::vector<UidRange> deleted,
                            std::vector<UidRange> retrieved) {
  auto session = SyncWait(
      store.maildrops().Login(kUnaryLease, {kAnna, "secret", {}}, ClientInfo{}, 0, {}));
  if (!session.ok()) return session.status();
  return SyncWait(store.maildrops().Commit(session->session_token, std::move(deleted),
                                           std::move(retrieved), true))
      .status();
}

absl::Status SetDeletion(Store& store, Pop3Policy::Deletion deletion) {
  AccountChange change;
  Pop3PolicyChange policy;
  policy.to.deletion = deletion;
  policy.to.expire_retrieved = absl::Hours(24);
  policy.deletion = policy.expire_retrieved = true;
  change.pop3_policy = policy;
  return SyncWait(store.accounts().Update(kAnna, change)).status();
}

absl::StatusOr<std::string> ReadWholeMessage(Store& store, const std::string& address,
                                             const std::string& mailbox, uint32_t uid) {
  auto reader =
      SyncWait(store.messages().Fetch(address, mailbox, {ReadPart{uid, WholePart{}}}));
  if (!reader.ok()) return reader.status();
  std::string octets;
  while (true) {
    auto pieces = SyncWait((*reader)->Next());
    if (!pieces.ok()) return pieces.status();
    if (pieces->empty()) return octets;
    for (const ReadPiece& piece : *pieces) {
      if (!piece.error.ok()) return piece.error;
      octets += piece.data;
    }
  }
}

absl::StatusOr<std::map<uint32_t, std::string>> ReadMailbox(Store& store,
                                                            const std::string& address,
                                                            const std::string& mailbox) {
  auto page = SyncWait(store.mailboxes().ListMessages(address, mailbox, 0, 4096));
  if (!page.ok()) return page.status();
  std::map<uint32_t, std::string> messages;
  for (MessageRow& row : page->rows) {
    absl::StatusOr<std::string> octets = ReadWholeMessage(store, address, mailbox, row.uid);
    if (!octets.ok()) return octets.status();
    std::sort(row.flags.begin(), row.flags.end());
    messages[row.uid] = absl::StrCat(*octets, "(", absl::StrJoin(row.flags, " "), ")",
                                     row.hidden_from_pop3 ? " hidden" : "");
  }
  return messages;
}

}  // namespace

absl::StatusOr<uint32_t> DeliverOne(Store& store, const std::string& recipient,
                                    const std::string& message) {
  Envelope envelope;
  envelope.recipients = {recipient};
  auto delivery = SyncWait(store.deliveries().Begin(std::move(envelope)));
  if (!delivery.ok()) return delivery.status();
  if (absl::Status status = SyncWait((*delivery)->Append(message)); !status.ok()) return status;
  const RecipientResult result = SyncWait((*delivery)->Finish()).at(0);
  if (!result.status.ok()) return result.status;
  return result.uid;
}

absl::StatusOr<Contents> ReadContents(Store& store) {
  Contents contents;
  for (const char* address : {kAnna, kBert}) {
    auto mailboxes = SyncWait(store.mailboxes().List(address));
    if (ReasonOf(mailboxes.status()) == v1::ERROR_REASON_NO_SUCH_ACCOUNT) continue;
    if (!mailboxes.ok()) return mailboxes.status();
    for (const MailboxStatus& mailbox : *mailboxes) {
      auto messages = ReadMailbox(store, address, mailbox.name);
      if (!messages.ok()) return messages.status();
      contents[absl::StrCat(address, "/", mailbox.name)] = *std::move(messages);
    }
  }
  return contents;
}

std::vector<Step> Scenario(ScenarioClock* clock) {
  using Deletion = Pop3Policy::Deletion;
  return {
      {"create an account", [](Store& s) { return Create(s, kAnna); }},
      {"create another", [](Store& s) { return Create(s, kBert); }},
      {"deliver", [](Store& s) { return DeliverTo(s, {kAnna}, Numbered(1)); }},
      {"deliver a large message to two",
       [](Store& s) {
         return DeliverTo(s, {kAnna, kBert}, Numbered(2, kLarge));
       }},
      {"deliver with an id", [](Store& s) { return DeliverTo(s, {kAnna}, Numbered(3), "id"); }},
      {"deliver it again", [](Store& s) { return DeliverTo(s, {kAnna}, Numbered(3), "id"); }},
      {"deliver to both",
       [](Store& s) {
         return DeliverTo(s, {kBert, kAnna}, Numbered(4));
       }},
      {"deliver more", [](Store& s) { return DeliverTo(s, {kAnna}, Numbered(5, 30'000)); }},
      {"and more", [](Store& s) { return DeliverTo(s, {kAnna}, Numbered(6)); }},
      {"set flags",
       [](Store& s) {
         return SyncWait(s.mailboxes().StoreFlags(
                             kAnna, "INBOX", {{1, 3}},
                             {FlagChange::Mode::kAdd, {"\\Seen", "later"}, {}}, 0))
             .status();
       }},
      {"create a mailbox",
       [](Store& s) { return SyncWait(s.mailboxes().Create(kAnna, "Archive", {})).status(); }},
      {"copy",
       [](Store& s) {
         return SyncWait(s.mailboxes().Copy(kAnna, "INBOX", {{2, 3}}, "Archive")).status();
       }},
      {"move",
       [](Store& s) {
         return SyncWait(s.mailboxes().Move(kAnna, "INBOX", {{3, 3}}, "Archive", 0)).status();
       }},
      {"append", [](Store& s) { return AppendSome(s, "Archive"); }},
      {"delete in a session",
       [](Store& s) {
         return SessionDeletes(s, {{1, 1}}, {{1, 2}});
       }},
      {"expunge",
       [](Store& s) {
         return SyncWait(s.mailboxes().Expunge(kAnna, "Archive", {{2, 2}}, false, 0)).status();
       }},
      {"undelete",
       [](Store& s) { return SyncWait(s.mailboxes().Undelete(kAnna, "INBOX", {1})).status(); }},
      {"rename a mailbox",
       [](Store& s) { return SyncWait(s.mailboxes().Rename(kAnna, "Archive", "Old/Mail")); }},
      {"hide what is deleted", [](Store& s) { return SetDeletion(s, Deletion::kHide); }},
      {"hide in a session",
       [](Store& s) {
         return SessionDeletes(s, {{4, 4}}, {{4, 4}});
       }},
      {"move what is deleted", [](Store& s) { return SetDeletion(s, Deletion::kMove); }},
      {"move in a session",
       [](Store& s) {
         return SessionDeletes(s, {{5, 5}}, {{5, 5}});
       }},
      {"reclaim what is past its grace",
       [clock](Store& s) {
         clock->Advance(absl::Hours(3));
         return SyncWait(s.Reclaim()).status();
       }},
      {"rename INBOX",
       [](Store& s) { return SyncWait(s.mailboxes().Rename(kAnna, "INBOX", "Past")); }},
      {"deliver to the new one", [](Store& s) { return DeliverTo(s, {kAnna}, Numbered(8)); }},
      {"expire what was retrieved",
       [clock](Store& s) {
         clock->Advance(absl::Hours(30));
         return SyncWait(s.Expire()).status();
       }},
      {"delete a mailbox",
       [](Store& s) { return SyncWait(s.mailboxes().Delete(kAnna, "Old/Mail")); }},
      {"delete an account", [](Store& s) { return SyncWait(s.accounts().Delete(kBert)); }},
      {"reclaim",
       [clock](Store& s) {
         clock->Advance(absl::Hours(3));
         return SyncWait(s.Reclaim()).status();
       }},
      {"deliver at last", [](Store& s) { return DeliverTo(s, {kAnna}, Numbered(9)); }},
  };
}

}  // namespace restante::store
