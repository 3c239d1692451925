// Recipients and aliases as the contract has them.
#include <string>
#include <utility>

#include "common/errors.h"
#include "common/grpc_status.h"
#include "storage-service/rpc/convert.h"

namespace restante::rpc {
namespace {

// As lmtpd answers a RCPT that is taken.
constexpr ClientReply kTaken = {"", "", 250, "2.1.5", "Recipient OK"};

std::string Text(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace

void ToProto(const std::vector<store::RecipientCheck>& checks,
             v1::LookupRecipientsResponse* out) {
  for (const store::RecipientCheck& check : checks) {
    v1::RecipientLookup* lookup = out->add_lookups();
    *lookup->mutable_status() = ToRpcStatus(check.status);
    const ClientReply& reply = check.status.ok() ? kTaken : ReplyFor(check.status);
    lookup->set_reply_code(static_cast<uint32_t>(reply.lmtp_code));
    lookup->set_enhanced_status_code(Text(reply.lmtp_enhanced));
    lookup->set_reply_text(Text(reply.lmtp_text));
    for (const store::RecipientCheck::Account& account : check.accounts) {
      v1::RecipientAccount* added = lookup->add_accounts();
      added->set_address(account.address);
      added->set_disabled(account.disabled);
    }
    lookup->set_alias(check.alias);
  }
}

void ToProto(store::AliasInfo alias, v1::Alias* out) {
  out->set_address(std::move(alias.address));
  for (store::AliasTargetInfo& target : alias.targets) {
    v1::AliasTarget* added = out->add_targets();
    added->set_address(std::move(target.address));
    added->set_missing(target.missing);
  }
}

}  // namespace restante::rpc
