#include "storage-service/store/session_token.h"

#include <optional>

#include "common/errors.h"
#include "storage-service/store/session_token.pb.h"

namespace restante::store {

std::string SealSession(const TokenSealer& sealer, const SessionFacts& facts) {
  format::SessionToken token;
  token.set_fencing(facts.fencing);
  token.set_account(std::string(facts.account.AsOctets()));
  token.set_mailbox(std::string(facts.mailbox.AsOctets()));
  token.set_uidvalidity(facts.uidvalidity);
  token.set_uid_next(facts.uid_next);
  token.set_modseq(facts.modseq);
  token.set_utf8(facts.utf8);
  if (facts.deletion != Pop3Policy::Deletion::kExpunge) {
    token.set_deletion(static_cast<uint32_t>(facts.deletion));
    token.set_move_to(facts.move_to);
  }
  token.set_remembers_retrieval(facts.remembers_retrieval);
  return sealer.Seal(TokenKind::kSession, token.SerializeAsString());
}

absl::StatusOr<SessionFacts> OpenSession(const TokenSealer& sealer, const std::string& token) {
  absl::StatusOr<std::string> payload = sealer.Open(TokenKind::kSession, token);
  if (!payload.ok()) return payload.status();
  format::SessionToken record;
  const bool parsed = record.ParseFromString(*payload);
  const std::optional<Id128> account = Id128::FromOctets(record.account());
  const std::optional<Id128> mailbox = Id128::FromOctets(record.mailbox());
  if (!parsed || !account || !mailbox) {
    return MakeError(v1::ERROR_REASON_BAD_TOKEN, "a session token of another shape");
  }
  SessionFacts facts{record.fencing(),  *account,        *mailbox,     record.uidvalidity(),
                     record.uid_next(), record.modseq(), record.utf8()};
  if (record.deletion() != 0) {
    facts.deletion = static_cast<Pop3Policy::Deletion>(record.deletion());
  }
  facts.move_to = record.move_to();
  facts.remembers_retrieval = record.remembers_retrieval();
  return facts;
}

}  // namespace restante::store
