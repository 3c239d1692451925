#include "pop3d/languages.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"

namespace restante::pop3 {
namespace {

struct Entry {
  Text text;
  absl::string_view english;
  absl::string_view italian;
};

constexpr Entry kTexts[] = {
    {Text::kReady, "Restante ready.", "Restante pronto."},
    {Text::kBye, "Bye.", "Arrivederci."},
    {Text::kShuttingDown, "The server is shutting down.",
     "Il server sta per essere arrestato."},

    {Text::kUnknownCommand, "Unknown command.", "Comando sconosciuto."},
    {Text::kLineTooLong, "Line too long.", "Riga troppo lunga."},
    {Text::kNoArgument, "This command takes no argument.",
     "Questo comando non prende argomenti."},
    {Text::kTooManyWrongCommands, "Too many wrong commands.", "Troppi comandi errati."},
    {Text::kLogInFirst, "Log in first.", "Prima occorre autenticarsi."},
    {Text::kAlreadyLoggedIn, "Already logged in.", "Accesso eseguito in precedenza."},
    {Text::kCapabilities, "Capability list follows.", "Segue l'elenco delle funzioni."},

    {Text::kUserTakesName, "USER takes one argument, the name.",
     "USER prende un solo argomento, il nome."},
    {Text::kSendPass, "Send PASS.", "Inviare PASS."},
    {Text::kUserBeforePass, "USER goes before PASS.", "USER precede PASS."},
    {Text::kPassTakesPassword, "PASS takes the password.", "PASS prende la password."},
    {Text::kNeedsTls,
     "Passwords are not accepted without TLS; use STLS, or the port for POP3 over TLS.",
     "Senza TLS non si accettano password; usare STLS o la porta per POP3 su TLS."},
    {Text::kLoggedIn, "Logged in.", "Accesso eseguito."},
    {Text::kMechanisms, "Mechanisms follow.", "Seguono i meccanismi."},
    {Text::kUnknownMechanism, "Unknown mechanism.", "Meccanismo sconosciuto."},
    {Text::kResponseTooLong, "Response too long.", "Risposta troppo lunga."},
    {Text::kNotPlain, "This is not a PLAIN response in base64.",
     "Questa non va come risposta PLAIN in base64."},
    {Text::kNotExternal, "This is not an EXTERNAL response in base64.",
     "Questa non va come risposta EXTERNAL in base64."},
    {Text::kCancelled, "Authentication cancelled.", "Autenticazione annullata."},

    {Text::kTlsActive, "TLS is active already.", "TLS risulta attivo in precedenza."},
    {Text::kNoTls, "TLS is not available.", "TLS non disponibile."},
    {Text::kStlsAfterUtf8, "STLS goes before UTF8.", "STLS precede UTF8."},
    {Text::kBehindStls, "Nothing may follow STLS before the handshake.",
     "Nulla deve seguire STLS prima dell'handshake."},
    {Text::kBeginTls, "Begin TLS negotiation.", "Iniziare la negoziazione TLS."},

    {Text::kUtf8On, "UTF8 enabled.", "UTF8 attivo."},
    {Text::kLanguages, "Language listing follows:", "Segue l'elenco delle lingue:"},
    {Text::kLanguageChosen, "Language changed.", "Lingua cambiata."},
    {Text::kLangTakesOne, "LANG takes at most one argument, a language.",
     "LANG prende al massimo un argomento, la lingua."},
    {Text::kNoSuchLanguage, "This language is not available.", "Lingua non disponibile."},

    {Text::kMessages, "messages", "messaggi"},
    {Text::kOctets, "octets", "ottetti"},
    {Text::kNoSuchMessage, "There is no such message.", "Non esiste un tale messaggio."},
    {Text::kMessageMarked, "This message is marked to be deleted.",
     "Messaggio marcato per la cancellazione."},
    {Text::kRetrTakesNumber, "RETR takes the number of a message.",
     "RETR prende il numero di un messaggio."},
    {Text::kTopTakesNumbers, "TOP takes the number of a message and of lines.",
     "TOP prende il numero di un messaggio e quello delle righe."},
    {Text::kMarked, "Marked to be deleted.", "Marcato per la cancellazione."},
    {Text::kTooManyMarks, "Too many deletions for one session; QUIT first.",
     "Troppe cancellazioni per una sessione; prima QUIT."},

    {Text::kLoggingOut, "Logging out.", "Uscita."},
    {Text::kDeleted, "Logging out, messages deleted.", "Uscita, messaggi cancellati."},
    {Text::kDeletionFailed, "Deletion failed, please try again later.",
     "Cancellazione fallita, riprovare in seguito."},

    {Text::kTooManyConnections, "Too many connections, please try again later.",
     "Troppe connessioni, riprovare in seguito."},
    {Text::kTooManyFromAddress, "Too many connections from this address.",
     "Troppe connessioni da questo indirizzo."},
    {Text::kTooFast, "New connections come too fast from this address.",
     "Nuove connessioni troppo frequenti da questo indirizzo."},
    {Text::kTooManyOfUser, "Too many sessions of this user.",
     "Troppe sessioni di questo utente."},

    {Text::kTemporaryFailure, "Temporary failure, please try again later.",
     "Errore temporaneo, riprovare in seguito."},
    {Text::kAuthenticationFailed, "Authentication failed.", "Autenticazione fallita."},
    {Text::kAccountDisabled, "This account is disabled.", "Utenza disattivata."},
    {Text::kProtocolDisabled, "This protocol is switched off for this account.",
     "Protocollo disattivato per questa utenza."},
    {Text::kInUse, "The maildrop is locked by another session.",
     "Casella bloccata da un'altra sessione."},
    {Text::kSessionLost, "The session has lost the maildrop; nothing was deleted.",
     "La sessione ha perso la casella; nulla risulta cancellato."},
    {Text::kMessageGone, "This message is no longer there.",
     "Questo messaggio non esiste ormai."},
    {Text::kMessageUnreadable, "This message can't be read.", "Messaggio illeggibile."},
    {Text::kLoginDelay, "Too soon after the last login, please try again later.",
     "Accesso troppo vicino al precedente, riprovare in seguito."},
};

constexpr bool InOrder() {
  for (size_t i = 0; i < kTextCount; ++i) {
    if (kTexts[i].text != static_cast<Text>(i)) return false;
  }
  return std::size(kTexts) == kTextCount;
}
static_assert(InOrder(), "a text is missing from the table or out of its place");

struct Offer {
  Language language;
  absl::string_view tag;
  absl::string_view name;
};

constexpr Offer kOffers[] = {
    {Language::kDefault, "i-default", "English"},
    {Language::kEnglish, "en", "English"},
    {Language::kItalian, "it", "Italiano"},
};

// RFC 4647, section 2.1.
bool IsRange(absl::string_view range) {
  bool first = true;
  for (const absl::string_view subtag : absl::StrSplit(range, '-')) {
    const bool right = !subtag.empty() && subtag.size() <= 8 &&
                       std::all_of(subtag.begin(), subtag.end(), [first](unsigned char c) {
                         return absl::ascii_isalpha(c) || (!first && absl::ascii_isdigit(c));
                       });
    if (!right) return false;
    first = false;
  }
  return true;
}

}  // namespace

absl::string_view TextIn(Language language, Text text) {
  const Entry& entry = kTexts[static_cast<size_t>(text)];
  return language == Language::kItalian ? entry.italian : entry.english;
}

Text TextFor(const absl::Status& status) {
  switch (ReasonOf(status)) {
    case v1::ERROR_REASON_BAD_CREDENTIALS:
    case v1::ERROR_REASON_BAD_ADDRESS:
      return Text::kAuthenticationFailed;
    case v1::ERROR_REASON_ACCOUNT_DISABLED:
      return Text::kAccountDisabled;
    case v1::ERROR_REASON_PROTOCOL_DISABLED:
      return Text::kProtocolDisabled;
    case v1::ERROR_REASON_IN_USE:
      return Text::kInUse;
    case v1::ERROR_REASON_LEASE_LOST:
      return Text::kSessionLost;
    case v1::ERROR_REASON_NO_SUCH_MESSAGE:
      return Text::kMessageGone;
    case v1::ERROR_REASON_CORRUPT:
      return Text::kMessageUnreadable;
    case v1::ERROR_REASON_LOGIN_DELAY:
      return Text::kLoginDelay;
    default:
      return Text::kTemporaryFailure;
  }
}

absl::string_view TagOf(Language language) {
  return kOffers[static_cast<size_t>(language)].tag;
}

std::optional<Language> FindLanguage(absl::string_view range, Language preferred) {
  if (range == "*") return preferred;
  if (!IsRange(range)) return std::nullopt;
  while (!range.empty()) {
    for (const Offer& offer : kOffers) {
      if (absl::EqualsIgnoreCase(range, offer.tag)) return offer.language;
    }
    const size_t hyphen = range.rfind('-');
    if (hyphen == range.npos) break;
    range = range.substr(0, hyphen);
    // A single letter says what follows it, and goes with that.
    if (range.size() >= 2 && range[range.size() - 2] == '-') range.remove_suffix(2);
  }
  return std::nullopt;
}

void AppendLanguages(std::string* out) {
  for (const Offer& offer : kOffers) {
    absl::StrAppend(out, offer.tag, " ", offer.name, "\r\n");
  }
}

}  // namespace restante::pop3
