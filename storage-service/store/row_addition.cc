#include "storage-service/store/row_addition.h"

#include <string>

#include "storage-service/store/uidl_index.h"

namespace restante::store {

void AddRow(const StoredRow& row, uint32_t uid, Change& change) {
  change.puts.emplace_back(RowKey(uid), Encode(row));
  change.puts.emplace_back(ModseqKey(kChangePrefix, row.modseq, uid), std::string());
  change.references.emplace_back(row.body, uid);
  change.added.push_back(ListedRow::Of(uid, row));
  UidlIndex::Record(row, uid, change);
}

}  // namespace restante::store
