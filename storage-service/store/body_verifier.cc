#include "storage-service/store/body_verifier.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/encoded_words.h"
#include "storage-service/store/normaliser.h"

namespace restante::store {
namespace {

using Octets = absl::StatusOr<std::string>;

constexpr size_t kReadOctets = engine::Engine::kChunkOctets;

Task<Octets> ReadAt(engine::Engine* engine, engine::BodyId body, uint64_t offset,
                    size_t length) {
  Octets data = co_await Await<Octets>(
      [&](Done<Octets> done) { engine->ReadBody(body, offset, length, std::move(done)); });
  co_return data;
}

// Reads the last octet and where another would be.
Task<absl::StatusOr<bool>> HasExactly(engine::Engine* engine, engine::BodyId body,
                                      uint64_t octets) {
  Octets end = co_await ReadAt(engine, body, octets == 0 ? 0 : octets - 1, 2);
  if (absl::IsNotFound(end.status())) co_return octets == 0;
  if (!end.ok()) co_return end.status();
  co_return octets > 0 && end->size() == 1;
}

}  // namespace

Task<absl::StatusOr<std::vector<std::string>>> VerifyBody(engine::Engine* engine,
                                                          engine::BodyReference holder,
                                                          StoredRow row, bool read_all) {
  std::vector<std::string> faults;
  const std::string name = absl::StrCat("body ", row.body.ToHex());

  using References = absl::StatusOr<std::vector<engine::BodyReference>>;
  References references = co_await Await<References>(
      [&](Done<References> done) { engine->GetReferences(row.body, std::move(done)); });
  if (!references.ok()) co_return references.status();
  if (std::find(references->begin(), references->end(), holder) == references->end()) {
    faults.push_back(absl::StrCat(name, " has no reference to the row"));
  }

  absl::StatusOr<bool> exact = co_await HasExactly(engine, row.body, row.body_octets());
  if (!exact.ok() && ReasonOf(exact.status()) != v1::ERROR_REASON_CORRUPT &&
      !absl::IsDataLoss(exact.status())) {
    co_return exact.status();
  }
  if (!exact.ok()) {
    faults.push_back(absl::StrCat(name, ": ", exact.status().message()));
  } else if (!*exact) {
    faults.push_back(
        absl::StrCat(name, " doesn't have the row's ", row.body_octets(), " octets"));
  }
  if (!read_all || !faults.empty()) co_return faults;

  Normaliser measure;
  Normaliser surrogate;
  bool ascii = true;
  for (uint64_t offset = 0; offset < row.body_octets(); offset += kReadOctets) {
    Octets data = co_await ReadAt(engine, row.body, offset, kReadOctets);
    if (!data.ok()) {
      if (!absl::IsDataLoss(data.status()) && !absl::IsNotFound(data.status())) {
        co_return data.status();
      }
      faults.push_back(absl::StrCat(name, " at octet ", offset, ": ", data.status().message()));
      co_return faults;
    }
    const uint64_t in_message = row.octets > offset ? row.octets - offset : 0;
    const absl::string_view message = absl::string_view(*data).substr(0, in_message);
    const absl::string_view behind = absl::string_view(*data).substr(message.size());
    std::string scratch;
    measure.Feed(message, scratch);
    surrogate.Feed(behind, scratch);
    ascii &= IsAsciiText(behind);
  }
  std::string scratch;
  measure.Finish(scratch);
  surrogate.Finish(scratch);
  if (!ascii || surrogate.octets() != row.surrogate_header_octets() ||
      surrogate.header_octets() != row.surrogate_header_octets()) {
    faults.push_back(absl::StrCat(name, " has a surrogate whose header isn't one in ASCII of ",
                                  row.surrogate_header_octets(), " octets"));
  }
  if (measure.octets() != row.octets) {
    faults.push_back(
        absl::StrCat(name, " isn't in normal form: some line doesn't end in CRLF"));
  }
  if (measure.header_octets() != row.header_octets) {
    faults.push_back(absl::StrCat(name, " has a header of ", measure.header_octets(),
                                  " octets; the row says ", row.header_octets));
  }
  if (measure.has_dot_line() != row.has_dot_line) {
    faults.push_back(absl::StrCat(name, measure.has_dot_line() ? " has" : " has no",
                                  " line that begins with a dot; the row says otherwise"));
  }
  co_return faults;
}

}  // namespace restante::store
