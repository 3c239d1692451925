// A maildrop session's token: names the session, proves it, and carries what a
// restarted service needs to take it up again.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "storage-service/store/tokens.h"
#include "storage-service/store/types.h"

namespace restante::store {

// What a session is, for as long as it lives.
struct SessionFacts {
  uint64_t fencing = 0;  // also the session's name
  AccountId account;
  MailboxId mailbox;
  uint32_t uidvalidity = 0;
  // The list: rows below uid_next that were not expunged at modseq.
  uint32_t uid_next = 1;
  uint64_t modseq = 1;
  // Messages are shown raw, not by their surrogates.
  bool utf8 = false;

  // What the session began with of its account's policy.
  Pop3Policy::Deletion deletion = Pop3Policy::Deletion::kExpunge;
  std::string move_to;  // for kMove
  bool remembers_retrieval = false;

  friend bool operator==(const SessionFacts&, const SessionFacts&) = default;
};

std::string SealSession(const TokenSealer& sealer, const SessionFacts& facts);
// BAD_TOKEN.
absl::StatusOr<SessionFacts> OpenSession(const TokenSealer& sealer, const std::string& token);

}  // namespace restante::store
