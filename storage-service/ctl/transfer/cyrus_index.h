// What an import needs of `cyrus.index`, the list that Cyrus keeps beside a mailbox's
// messages: which of them are deleted. Cyrus leaves their files in the directory until
// cyr_expire takes them away, weeks later.
#pragma once

#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::ctl {

// UIDs of the messages that were expunged; `octets`: the whole file. Of indexes up to
// version 19, the last whose times have 32 bits. UNIMPLEMENTED: a newer one;
// INVALID_ARGUMENT: it is no index, or cut off.
absl::StatusOr<absl::flat_hash_set<uint32_t>> ExpungedInCyrusIndex(absl::string_view octets);

}  // namespace restante::ctl
