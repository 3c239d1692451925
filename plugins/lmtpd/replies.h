// Every reply that LMTP clients can get from this server, in one table: code,
// enhanced status code (RFC 3463) and text. What the storage service answers is
// mapped by ReplyFor() in common/errors.h and only formatted here.
//
// Nothing that a client sent is echoed, so a reply line stays far below the 512 octets
// of RFC 5321, section 4.5.3.1.5.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace restante::lmtp {

struct Reply {
  int code = 0;
  // Empty where RFC 2034 has none: in the greeting, the answer to LHLO, and 3xx.
  std::string_view enhanced;
  // A constant, but for the request id behind "Delivered".
  std::string_view text;
};

// One line, with its CRLF, at the end of *out.
void AppendReply(std::string* out, const Reply& reply);

// The reply for what the storage service said about a recipient; OK gives `success`.
Reply ReplyOf(const absl::Status& status, const Reply& success);

namespace reply {

inline constexpr Reply kSenderOk{250, "2.1.0", "Sender OK"};
inline constexpr Reply kRecipientOk{250, "2.1.5", "Recipient OK"};
inline constexpr Reply kDelivered{250, "2.0.0", "Delivered"};
inline constexpr Reply kChunkTaken{250, "2.0.0", "Chunk received"};
inline constexpr Reply kReset{250, "2.0.0", "Reset"};
inline constexpr Reply kNoop{250, "2.0.0", "OK"};
inline constexpr Reply kBye{221, "2.0.0", "Bye"};
inline constexpr Reply kStartData{354, "", "End the message with <CRLF>.<CRLF>"};
inline constexpr Reply kBeginTls{220, "2.0.0", "Begin TLS"};
inline constexpr Reply kVerify{252, "2.1.5", "Not verified here; RCPT tells"};
inline constexpr Reply kHelp{
    214, "2.0.0",
    "LHLO STARTTLS MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT (RFC 2033, RFC 5321)"};

inline constexpr Reply kClosing{421, "4.3.2", "Shutting down, please try again later"};
inline constexpr Reply kTooManyConnections{421, "4.3.2",
                                           "Too many connections, please try again later"};
inline constexpr Reply kTimeout{421, "4.4.2", "Time-out, closing the connection"};
inline constexpr Reply kBehindStartTls{
    421, "4.7.0", "Nothing may follow STARTTLS before its reply, closing the connection"};
inline constexpr Reply kTooManyErrors{421, "4.7.0", "Too many errors, closing the connection"};

inline constexpr Reply kUnknownCommand{500, "5.5.1", "Unknown command"};
inline constexpr Reply kUseLhlo{500, "5.5.1", "This is LMTP: use LHLO"};
inline constexpr Reply kLineTooLong{500, "5.5.2", "Command line too long"};
inline constexpr Reply kBadCharacters{500, "5.5.2", "Control characters in a command"};
inline constexpr Reply kNotImplemented{502, "5.5.1", "Command not implemented"};
inline constexpr Reply kLhloArgument{501, "5.5.4", "Syntax: LHLO hostname"};
inline constexpr Reply kNoArgument{501, "5.5.4", "This command takes no argument"};
inline constexpr Reply kVerifyArgument{501, "5.5.4", "Syntax: VRFY address"};
inline constexpr Reply kMailSyntax{501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]"};
inline constexpr Reply kRcptSyntax{501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]"};
inline constexpr Reply kBdatSyntax{501, "5.5.4", "Syntax: BDAT octets [LAST]"};
inline constexpr Reply kBadSize{501, "5.5.4", "SIZE takes a number of octets"};
inline constexpr Reply kBadBody{501, "5.5.4", "BODY takes 7BIT or 8BITMIME"};
inline constexpr Reply kBadSmtpUtf8{501, "5.5.4", "SMTPUTF8 takes no value"};
inline constexpr Reply kBadRet{501, "5.5.4", "RET takes FULL or HDRS"};
inline constexpr Reply kBadEnvid{501, "5.5.4", "ENVID takes 1 to 100 characters as xtext"};
inline constexpr Reply kBadNotify{
    501, "5.5.4", "NOTIFY takes NEVER, or a list of SUCCESS, FAILURE and DELAY"};
inline constexpr Reply kBadOrcpt{501, "5.5.4",
                                 "ORCPT takes a type, a semicolon and an address as xtext"};
inline constexpr Reply kRepeatedParameter{501, "5.5.4", "A parameter is given twice"};
inline constexpr Reply kUnknownParameter{555, "5.5.4", "Unknown parameter"};

inline constexpr Reply kXclientSyntax{501, "5.5.4", "Syntax: XCLIENT attribute=value ..."};
inline constexpr Reply kXclientAttribute{501, "5.5.4", "Unknown attribute of XCLIENT"};
inline constexpr Reply kXclientValue{501, "5.5.4", "Bad value of an attribute of XCLIENT"};

inline constexpr Reply kBadSender{501, "5.1.7", "Bad sender address"};
inline constexpr Reply kBadRecipient{501, "5.1.3", "Bad recipient address"};
inline constexpr Reply kSenderNeedsUtf8{553, "5.6.7", "This sender address needs SMTPUTF8"};
inline constexpr Reply kRecipientNeedsUtf8{553, "5.6.7",
                                           "This recipient address needs SMTPUTF8"};
inline constexpr Reply kAddressLiteral{550, "5.1.2", "Address literals have no mailboxes here"};
inline constexpr Reply kRecipientBusy{
    451, "4.3.2", "Too many deliveries to this recipient at once, please try again later"};
inline constexpr Reply kTooManyRecipients{452, "4.5.3", "Too many recipients"};

// RFC 3207, section 4.
inline constexpr Reply kStartTlsFirst{530, "5.7.0", "Must issue a STARTTLS command first"};
// For a while: a certificate that has run out must not make an MTA return its mail.
inline constexpr Reply kNoCertificate{454, "4.7.0", "A client certificate is needed"};
inline constexpr Reply kXclientRefused{550, "5.7.0", "Not authorised to use XCLIENT"};
inline constexpr Reply kTlsActive{503, "5.5.1", "TLS is active already"};
inline constexpr Reply kLhloFirst{503, "5.5.1", "Send LHLO first"};
inline constexpr Reply kNestedMail{503, "5.5.1", "A transaction is under way already"};
inline constexpr Reply kXclientInside{503, "5.5.1", "XCLIENT can't come inside a transaction"};
inline constexpr Reply kMailFirst{503, "5.5.1", "Send MAIL first"};
inline constexpr Reply kNoRecipients{503, "5.5.1", "No valid recipients"};
inline constexpr Reply kChunksUnderWay{503, "5.5.1", "Only BDAT or RSET may follow BDAT"};
inline constexpr Reply kChunksFailed{503, "5.5.1", "An earlier BDAT failed; send RSET"};

inline constexpr Reply kTooLarge{552, "5.3.4", "Message too large"};
inline constexpr Reply kStorageAway{451, "4.3.0", "Temporary failure, please try again later."};

}  // namespace reply
}  // namespace restante::lmtp
