#include "storage-service/store/field_downgrade.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage-service/store/address_downgrade.h"
#include "storage-service/store/encoded_words.h"
#include "storage-service/store/field_tokens.h"
#include "storage-service/store/parameter_downgrade.h"

namespace restante::store {
namespace {

constexpr size_t kMostFieldNameOctets = 76;

constexpr absl::string_view kAddressFields[] = {"from",
                                                "sender",
                                                "reply-to",
                                                "to",
                                                "cc",
                                                "bcc",
                                                "resent-from",
                                                "resent-sender",
                                                "resent-to",
                                                "resent-reply-to",
                                                "resent-cc",
                                                "resent-bcc",
                                                "mail-reply-to",
                                                "mail-followup-to",
                                                "disposition-notification-to"};

constexpr absl::string_view kParameterFields[] = {"content-type", "content-disposition"};

// Programs read them, and would misread encoded-words.
constexpr absl::string_view kRenamedFields[] = {"message-id",
                                                "resent-message-id",
                                                "in-reply-to",
                                                "references",
                                                "content-id",
                                                "date",
                                                "resent-date",
                                                "mime-version",
                                                "content-transfer-encoding",
                                                "return-path",
                                                "delivered-to",
                                                "x-original-to",
                                                "envelope-to",
                                                "original-recipient",
                                                "final-recipient",
                                                "dkim-signature",
                                                "domainkey-signature",
                                                "authentication-results",
                                                "received-spf",
                                                "list-help",
                                                "list-unsubscribe",
                                                "list-subscribe",
                                                "list-post",
                                                "list-owner",
                                                "list-archive",
                                                "arc-seal",
                                                "arc-message-signature",
                                                "autocrypt",
                                                "arc-authentication-results"};

template <size_t N>
bool IsOneOf(absl::string_view name, const absl::string_view (&names)[N]) {
  return std::any_of(std::begin(names), std::end(names), [name](absl::string_view known) {
    return absl::EqualsIgnoreCase(name, known);
  });
}

std::string Unfold(absl::string_view text) {
  std::string unfolded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
      ++i;
    } else {
      unfolded.push_back(text[i]);
    }
  }
  return unfolded;
}

std::string FreeText(absl::string_view name, absl::string_view text) {
  FieldWriter writer(name);
  WriteWords(SplitText(text), writer);
  return std::move(writer).Finish();
}

std::string Renamed(absl::string_view name, absl::string_view text) {
  return FreeText(absl::StrCat("Downgraded-", name), text);
}

// RFC 6857, section 3.1.9: clauses that can't be ASCII are left out.
std::optional<std::string> DowngradeReceived(absl::string_view name, absl::string_view text) {
  const std::optional<std::vector<FieldToken>> tokens = Tokenize(text);
  if (!tokens) return std::nullopt;
  FieldWriter writer(name);
  const auto needs_it = [](const FieldToken& token) {
    return FieldWord::NeedsEncoding(token.raw);
  };
  for (auto token = tokens->begin(); token != tokens->end();) {
    // A clause's value: what touches each other.
    auto end = token + 1;
    while (end != tokens->end() && !end->space && end->kind != FieldToken::Kind::kComment &&
           !end->Is(';')) {
      ++end;
    }
    if (token->kind == FieldToken::Kind::kComment) {
      const std::string words = ToUtf8(token->Text());
      if (needs_it(*token) && !words.empty()) {
        writer.Encoded(" ", words, "(", ")");
      } else {
        writer.Raw(" ", token->raw);
      }
      token = end;
      continue;
    }
    if (absl::EqualsIgnoreCase(token->raw, "for") || absl::EqualsIgnoreCase(token->raw, "id")) {
      auto value_end = end;
      while (value_end != tokens->end() && !value_end->Is(';') &&
             (value_end == end || !value_end->space)) {
        ++value_end;
      }
      if (std::any_of(end, value_end, needs_it)) {
        token = value_end;
        continue;
      }
    }
    std::string piece;
    const absl::string_view space = token->space || token == tokens->begin() ? " " : "";
    for (; token != end; ++token) {
      if (needs_it(*token)) {
        const std::optional<std::string> domain = AsciiDomain(token->raw);
        if (!domain) return std::nullopt;
        piece += *domain;
      } else {
        piece += token->raw;
      }
    }
    writer.Raw(space, piece);
  }
  if (writer.too_long()) return std::nullopt;
  return std::move(writer).Finish();
}

}  // namespace

void AppendAsciiOnly(absl::string_view octets, std::string& out) {
  for (const char c : octets) out.push_back(absl::ascii_isascii(c) ? c : '?');
}

std::string DowngradeField(absl::string_view field) {
  const size_t colon = field.find(':');
  const absl::string_view name =
      colon == absl::string_view::npos
          ? absl::string_view()
          : absl::StripTrailingAsciiWhitespace(field.substr(0, colon));
  const bool is_field = !name.empty() && name.size() <= kMostFieldNameOctets &&
                        std::all_of(name.begin(), name.end(),
                                    [](unsigned char c) { return absl::ascii_isgraph(c); });
  std::string text;
  if (is_field) {
    text = std::string(absl::StripAsciiWhitespace(Unfold(field.substr(colon + 1))));
  }
  std::optional<std::string> downgraded;
  if (!is_field || text.empty() || IsOneOf(name, kParameterFields)) {
    if (is_field && !text.empty()) downgraded = DowngradeParameters(name, text);
    if (!downgraded) AppendAsciiOnly(field, downgraded.emplace());
    return *std::move(downgraded);
  }
  if (IsOneOf(name, kAddressFields)) {
    downgraded = DowngradeAddresses(name, text);
  } else if (absl::EqualsIgnoreCase(name, "received")) {
    downgraded = DowngradeReceived(name, text);
  } else if (!IsOneOf(name, kRenamedFields)) {
    return FreeText(name, text);
  }
  return downgraded ? *std::move(downgraded) : Renamed(name, text);
}

}  // namespace restante::store
