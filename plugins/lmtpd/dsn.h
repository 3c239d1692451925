// The parameters of MAIL and RCPT by which senders ask for delivery status notifications
// (RFC 3461; RFC 6533 for addresses in UTF-8): checks their syntax. Who sends notifications
// is the MTA: nothing here needs what they say.
#pragma once

#include <string_view>

#include "plugins/lmtpd/replies.h"

namespace restante::lmtp {

// Of MAIL. `value` is what stands behind "=". The reply that refuses it, or null.
const Reply* CheckRet(std::string_view value);
const Reply* CheckEnvid(std::string_view value);

// Of RCPT. `smtputf8`: the transaction has SMTPUTF8, and the address may be UTF-8 as it is.
const Reply* CheckNotify(std::string_view value);
const Reply* CheckOrcpt(std::string_view value, bool smtputf8);

}  // namespace restante::lmtp
