#include "storage-service/store/row_repair.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "storage-service/store/normaliser.h"

namespace restante::store {
namespace {

constexpr size_t kBodiesInPage = 1024;

// What a reading of a whole body found.
struct Measured {
  uint64_t octets = 0;  // up to the first that can't be read
  bool sound = true;    // no checksum was wrong
  Normaliser message;   // of the first octets, as many as were asked for
  Normaliser all;
};

Task<absl::StatusOr<Measured>> MeasureBody(engine::Engine* engine, engine::BodyId body,
                                           uint64_t message_octets) {
  Measured measured;
  std::string scratch;
  while (true) {
    absl::StatusOr<std::string> data =
        co_await Await<absl::StatusOr<std::string>>([&](auto done) {
          engine->ReadBody(body, measured.octets, engine::Engine::kChunkOctets,
                           std::move(done));
        });
    if (absl::IsNotFound(data.status())) break;
    if (ReasonOf(data.status()) == v1::ERROR_REASON_CORRUPT ||
        absl::IsDataLoss(data.status())) {
      measured.sound = false;
      break;
    }
    if (!data.ok()) co_return data.status();
    const uint64_t rest =
        message_octets > measured.octets ? message_octets - measured.octets : 0;
    measured.message.Feed(absl::string_view(*data).substr(0, rest), scratch);
    measured.all.Feed(*data, scratch);
    scratch.clear();
    measured.octets += data->size();
  }
  measured.message.Finish(scratch);
  measured.all.Finish(scratch);
  co_return measured;
}

Task<absl::StatusOr<bool>> EndsAt(engine::Engine* engine, engine::BodyId body,
                                  uint64_t octets) {
  absl::StatusOr<std::string> end = co_await Await<absl::StatusOr<std::string>>([&](auto done) {
    engine->ReadBody(body, octets == 0 ? 0 : octets - 1, 2, std::move(done));
  });
  if (absl::IsNotFound(end.status())) co_return octets == 0;
  if (ReasonOf(end.status()) == v1::ERROR_REASON_CORRUPT) co_return false;
  if (!end.ok()) co_return end.status();
  co_return octets > 0 && end->size() == 1;
}

// What a measurement says of a row; the header of its surrogate stays as long.
bool Adopt(const Normaliser& measure, StoredRow& row) {
  const uint64_t surrogate_header = row.surrogate_header_octets();
  const bool same = row.octets == measure.octets() &&
                    row.header_octets == measure.header_octets() &&
                    row.has_dot_line == measure.has_dot_line();
  row.octets = measure.octets();
  row.header_octets = measure.header_octets();
  row.has_dot_line = measure.has_dot_line();
  if (row.downgraded_octets > 0) {
    row.downgraded_octets = surrogate_header + row.octets - row.header_octets;
  }
  return !same;
}

}  // namespace

Task<absl::StatusOr<ExaminedRow>> ExamineRow(engine::Engine* engine,
                                             engine::BodyReference holder, StoredRow row,
                                             bool read_all) {
  ExaminedRow examined;
  using References = absl::StatusOr<std::vector<engine::BodyReference>>;
  References references = co_await Await<References>(
      [&](Done<References> done) { engine->GetReferences(row.body, std::move(done)); });
  if (!references.ok()) co_return references.status();
  examined.referenced =
      std::find(references->begin(), references->end(), holder) != references->end();
  absl::StatusOr<bool> exact = co_await EndsAt(engine, row.body, row.body_octets());
  if (!exact.ok()) co_return exact.status();
  if (*exact && !read_all) {
    examined.row = std::move(row);
    co_return examined;
  }
  absl::StatusOr<Measured> measured = co_await MeasureBody(engine, row.body, row.octets);
  if (!measured.ok()) co_return measured.status();
  examined.readable = measured->sound && measured->octets >= row.body_octets();
  if (examined.readable) {
    // More than the row knows of is the message's, unless a surrogate stands behind it.
    const bool longer = measured->octets > row.body_octets() && row.downgraded_octets == 0;
    const Normaliser& message = longer ? measured->all : measured->message;
    const uint64_t octets = longer ? measured->octets : row.octets;
    // Octets that aren't in normal form have no measure that fits.
    if (message.octets() == octets) examined.changed = Adopt(message, row);
  }
  examined.row = std::move(row);
  co_return examined;
}

Task<absl::StatusOr<std::optional<StoredRow>>> RowFromBody(engine::Engine* engine,
                                                           engine::BodyId body,
                                                           absl::Time now) {
  absl::StatusOr<Measured> measured = co_await MeasureBody(engine, body, 0);
  if (!measured.ok()) co_return measured.status();
  if (!measured->sound || measured->all.octets() != measured->octets) {
    co_return std::optional<StoredRow>();
  }
  StoredRow row;
  row.guid = row.body = body;
  row.internal_date = row.save_date = now;
  Adopt(measured->all, row);
  co_return std::optional<StoredRow>(std::move(row));
}

Task<absl::StatusOr<BodiesByUid>> BodiesOf(engine::Engine* engine, MailboxId mailbox) {
  using Page = absl::StatusOr<std::vector<engine::BodyInfo>>;
  BodiesByUid bodies;
  engine::BodyId after;
  while (true) {
    Page page = co_await Await<Page>(
        [&](Done<Page> done) { engine->ListBodies(after, kBodiesInPage, std::move(done)); });
    if (!page.ok()) co_return page.status();
    for (const engine::BodyInfo& body : *page) {
      for (const engine::BodyReference& reference : body.references) {
        if (reference.mailbox == mailbox) bodies[reference.uid] = body.body;
      }
    }
    if (page->size() < kBodiesInPage) co_return bodies;
    after = page->back().body;
  }
}

}  // namespace restante::store
