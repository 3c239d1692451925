#include "tests/store/store_fixture.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/store/mailbox_rows.h"

namespace restante::store {
namespace {

// Of "secret"; cheap to verify.
constexpr char kHash[] =
    "$5$rounds=1000$restantetest$bMeNzWqKX0C/TAD8lXJwomEY64/x/EWLHsNXk0UY.r6";

}  // namespace

StoreTest::StoreTest() {
  options_.clock = &clock_;
  // Tests call Reclaim themselves.
  options_.reclaim_interval = absl::InfiniteDuration();
  options_.expunged_grace = absl::ZeroDuration();
}

StoreTest::~StoreTest() = default;

void StoreTest::Open(MemoryEngine::Options engine_options) {
  OpenOn(std::make_unique<MemoryEngine>(engine_options));
}

void StoreTest::OpenOn(std::unique_ptr<MemoryEngine> engine) {
  store_.reset();
  engine_ = engine.get();
  absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(std::move(engine), options_);
  ASSERT_THAT(opened.status(), IsOk());
  store_ = *std::move(opened);
}

void StoreTest::Crash(MemoryEngine::InFlight in_flight) { OpenOn(engine_->Crash(in_flight)); }

Store& StoreTest::store() {
  if (store_ == nullptr) Open();
  return *store_;
}

MemoryEngine& StoreTest::engine() {
  if (store_ == nullptr) Open();
  return *engine_;
}

AccountInfo StoreTest::CreateAccount(const std::string& address, uint64_t quota_octets) {
  absl::StatusOr<AccountInfo> account =
      SyncWait(store().accounts().Create({address, CryptHash{kHash}, quota_octets}));
  EXPECT_THAT(account.status(), IsOk());
  return account.ok() ? *account : AccountInfo{};
}

Task<std::vector<RecipientResult>> StoreTest::DeliverTask(std::string message,
                                                          std::vector<std::string> recipients,
                                                          std::string delivery_id) {
  Envelope envelope;
  envelope.recipients = std::move(recipients);
  envelope.delivery_id = std::move(delivery_id);
  const size_t count = envelope.recipients.size();
  absl::StatusOr<std::unique_ptr<Delivery>> delivery =
      co_await store().deliveries().Begin(std::move(envelope));
  if (!delivery.ok()) {
    co_return std::vector<RecipientResult>(count, RecipientResult{delivery.status()});
  }
  absl::Status appended = co_await (*delivery)->Append(std::move(message));
  std::vector<RecipientResult> results = co_await (*delivery)->Finish();
  if (!appended.ok()) {
    for (const RecipientResult& result : results) EXPECT_FALSE(result.status.ok());
  }
  co_return results;
}

std::vector<RecipientResult> StoreTest::DeliverTo(std::vector<std::string> recipients,
                                                  const std::string& message,
                                                  const std::string& delivery_id) {
  return SyncWait(DeliverTask(message, std::move(recipients), delivery_id));
}

RecipientResult StoreTest::Deliver(const std::string& recipient, const std::string& message,
                                   const std::string& delivery_id) {
  return DeliverTo({recipient}, message, delivery_id).at(0);
}

std::vector<RecipientResult> StoreTest::DeliverWith(Envelope envelope,
                                                    const std::string& message, size_t piece) {
  auto delivery = SyncWait(store().deliveries().Begin(std::move(envelope)));
  if (!delivery.ok()) return {RecipientResult{delivery.status()}};
  for (size_t at = 0; at < message.size(); at += std::min(piece, message.size() - at)) {
    if (!SyncWait((*delivery)->Append(message.substr(at, piece))).ok()) break;
  }
  return SyncWait((*delivery)->Finish());
}

absl::StatusOr<OpenedMaildrop> StoreTest::Login(const std::string& address, uint32_t first_rows,
                                                LeaseId lease) {
  return SyncWait(store().maildrops().Login(lease, {address, "secret", {}}, {}, first_rows,
                                            session_options_));
}

OpenedMaildrop StoreTest::Session(const std::string& address, uint32_t first_rows,
                                  LeaseId lease) {
  absl::StatusOr<OpenedMaildrop> session = Login(address, first_rows, lease);
  EXPECT_THAT(session.status(), IsOk());
  return session.ok() ? *session : OpenedMaildrop{};
}

absl::StatusOr<uint64_t> StoreTest::Commit(const OpenedMaildrop& session,
                                           std::vector<UidRange> uids, bool close) {
  return Commit(session, std::move(uids), {}, close);
}

absl::StatusOr<uint64_t> StoreTest::Commit(const OpenedMaildrop& session,
                                           std::vector<UidRange> uids,
                                           std::vector<UidRange> retrieved, bool close) {
  return SyncWait(store().maildrops().Commit(session.session_token, std::move(uids),
                                             std::move(retrieved), close));
}

void StoreTest::Close(const OpenedMaildrop& session, std::vector<UidRange> retrieved) {
  EXPECT_THAT(SyncWait(store().maildrops().Close(session.session_token, std::move(retrieved))),
              IsOk());
}

void StoreTest::Delete(const std::string& address, std::vector<UidRange> uids) {
  const OpenedMaildrop session = Session(address, 0);
  EXPECT_THAT(Commit(session, std::move(uids)).status(), IsOk());
}

std::vector<MaildropRow> StoreTest::Rows(const OpenedMaildrop& session, uint32_t page_size) {
  std::vector<MaildropRow> rows;
  while (true) {
    absl::StatusOr<MaildropRowPage> page = SyncWait(store().maildrops().Rows(
        session.session_token, rows.empty() ? 0 : rows.back().uid, page_size));
    EXPECT_THAT(page.status(), IsOk());
    if (!page.ok()) return rows;
    rows.insert(rows.end(), page->rows.begin(), page->rows.end());
    if (page->end) return rows;
    EXPECT_FALSE(page->rows.empty()) << "a page of nothing that isn't the last";
    if (page->rows.empty()) return rows;
  }
}

std::vector<uint32_t> StoreTest::Uids(const OpenedMaildrop& session) {
  std::vector<uint32_t> uids;
  for (const MaildropRow& row : Rows(session)) uids.push_back(row.uid);
  return uids;
}

absl::StatusOr<std::string> StoreTest::Read(const OpenedMaildrop& session, ReadPart part) {
  absl::StatusOr<std::unique_ptr<MessageReader>> reader =
      SyncWait(store().messages().Read(session.session_token, {part}));
  if (!reader.ok()) return reader.status();
  std::string data;
  bool last = false;
  while (true) {
    absl::StatusOr<std::vector<ReadPiece>> pieces = SyncWait((*reader)->Next());
    if (!pieces.ok()) return pieces.status();
    if (pieces->empty()) break;
    for (const ReadPiece& piece : *pieces) {
      EXPECT_FALSE(last) << "a piece after the last";
      if (!piece.error.ok()) return piece.error;
      data += piece.data;
      last = piece.last;
    }
  }
  EXPECT_TRUE(last) << "the part has no end";
  return data;
}

absl::StatusOr<std::string> StoreTest::Read(const OpenedMaildrop& session, uint32_t uid) {
  return Read(session, ReadPart{uid, WholePart{}});
}

MailboxStatus StoreTest::Status(const std::string& address, const std::string& mailbox) {
  absl::StatusOr<MailboxStatus> status = SyncWait(store().mailboxes().Get(address, mailbox));
  EXPECT_THAT(status.status(), IsOk());
  return status.ok() ? *status : MailboxStatus{};
}

VerifySummary StoreTest::Verify(std::vector<VerifyFinding>* findings, bool read_bodies) {
  absl::StatusOr<VerifySummary> summary =
      SyncWait(store().Verify({.read_bodies = read_bodies}, [&](VerifyFinding finding) {
        if (findings != nullptr) findings->push_back(std::move(finding));
      }));
  EXPECT_THAT(summary.status(), IsOk());
  return summary.ok() ? *summary : VerifySummary{};
}

void StoreTest::ExpectClean() {
  std::vector<VerifyFinding> findings;
  const VerifySummary summary = Verify(&findings);
  for (const VerifyFinding& finding : findings) {
    ADD_FAILURE() << (finding.is_error ? "error: " : "note: ") << finding.where << ": "
                  << finding.message;
  }
  EXPECT_EQ(summary.errors + summary.notes, findings.size());
}

void StoreTest::SetPolicy(const std::string& address, const Pop3Policy& policy) {
  AccountChange change;
  change.pop3_policy = Pop3PolicyChange{policy, true, true, true, true, true};
  EXPECT_THAT(SyncWait(store().accounts().Update(address, change)).status(), IsOk());
}

uint64_t StoreTest::Expire() {
  absl::StatusOr<uint64_t> expunged = SyncWait(store().Expire());
  EXPECT_THAT(expunged.status(), IsOk());
  return expunged.ok() ? *expunged : 0;
}

uint64_t StoreTest::Reclaim() {
  absl::StatusOr<uint64_t> erased = SyncWait(store().Reclaim());
  EXPECT_THAT(erased.status(), IsOk());
  return erased.ok() ? *erased : 0;
}

size_t StoreTest::BodyCount() {
  using Page = absl::StatusOr<std::vector<engine::BodyInfo>>;
  const auto list = [](MemoryEngine* engine) -> Task<Page> {
    Page page = co_await Await<Page>(
        [engine](Done<Page> done) { engine->ListBodies({}, 1'000'000, std::move(done)); });
    co_return page;
  };
  const Page page = SyncWait(list(&engine()));
  EXPECT_THAT(page.status(), IsOk());
  return page.ok() ? page->size() : 0;
}

size_t StoreTest::KeysOf(const MailboxId& mailbox, char prefix) {
  const absl::StatusOr<engine::ScanPage> page =
      SyncWait(ScanKeys(&engine(), mailbox, std::string(1, prefix), EndOf(prefix), 1'000'000));
  EXPECT_THAT(page.status(), IsOk());
  return page.ok() ? page->entries.size() : 0;
}

std::string MessageOf(size_t octets, const std::string& subject) {
  std::string message = absl::StrCat("Subject: ", subject, "\r\n\r\n");
  for (int line = 0; message.size() < octets; ++line) {
    absl::StrAppend(&message, "line ", line, " of a message with nothing to say\r\n");
  }
  return message;
}

}  // namespace restante::store
