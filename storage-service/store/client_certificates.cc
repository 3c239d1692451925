#include "storage-service/store/client_certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace restante::store {
namespace {

constexpr size_t kMostCertificates = 10;
constexpr size_t kMostOctets = 64 * 1024;  // of one
// 112 bits (OpenSSL's security level 2): RSA of 2,048 bits, no SHA-1.
constexpr int kSecurityLevel = 2;
constexpr char kSmtpUtf8Mailbox[] = "1.3.6.1.5.5.7.8.9";

struct FreeByOpenSsl {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreeByOpenSsl>;

// The innermost error, in OpenSSL's words; leaves none behind.
std::string Reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

absl::Status BadFile(const std::string& path, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("client_ca_file ", path, ": ", what));
}

absl::StatusOr<Owned<X509>> ParseCertificate(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* const end = at + der.size();
  if (der.size() > kMostOctets) return absl::UnauthenticatedError("a certificate is too large");
  Owned<X509> certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (certificate == nullptr || at != end) {
    return absl::UnauthenticatedError(absl::StrCat("a certificate isn't DER: ", Reason()));
  }
  return certificate;
}

std::string TextOf(const ASN1_STRING* text) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
}

bool IsSmtpUtf8Mailbox(const OTHERNAME& name) {
  char oid[64];
  return OBJ_obj2txt(oid, sizeof(oid), name.type_id, 1) > 0 &&
         absl::string_view(oid) == kSmtpUtf8Mailbox && name.value->type == V_ASN1_UTF8STRING;
}

std::vector<std::string> AddressesIn(const X509* certificate) {
  std::vector<std::string> addresses;
  const Owned<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_EMAIL) {
      addresses.push_back(TextOf(name->d.rfc822Name));
    } else if (name->type == GEN_OTHERNAME && IsSmtpUtf8Mailbox(*name->d.otherName)) {
      addresses.push_back(TextOf(name->d.otherName->value->value.utf8string));
    }
  }
  ERR_clear_error();
  return addresses;
}

absl::Status Verify(X509_STORE* authorities, X509* certificate, STACK_OF(X509) * others,
                    absl::Time now) {
  const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
  if (context == nullptr ||
      X509_STORE_CTX_init(context.get(), authorities, certificate, others) != 1) {
    return absl::UnauthenticatedError(Reason());
  }
  X509_VERIFY_PARAM* const rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_auth_level(rules, kSecurityLevel);
  X509_VERIFY_PARAM_set_depth(rules, static_cast<int>(kMostCertificates));
  X509_VERIFY_PARAM_set_time(rules, absl::ToTimeT(now));
  const int verdict = X509_verify_cert(context.get());
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (verdict == 1) return absl::OkStatus();
  return absl::UnauthenticatedError(X509_verify_cert_error_string(error));
}

}  // namespace

absl::StatusOr<ClientCertificates::Authorities> ClientCertificates::Read(
    const std::string& ca_file) {
  const Owned<BIO> file(BIO_new_file(ca_file.c_str(), "r"));
  if (file == nullptr) return BadFile(ca_file, Reason());
  const Authorities authorities(X509_STORE_new(),
                                [](X509_STORE* store) { X509_STORE_free(store); });
  size_t count = 0;
  while (true) {
    const Owned<X509> certificate(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    X509_STORE_add_cert(authorities.get(), certificate.get());
    ++count;
  }
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = Reason();
  if (!ended) return BadFile(ca_file, absl::StrCat("a certificate can't be read: ", reason));
  if (count == 0) return BadFile(ca_file, "it holds no certificate in PEM form");
  return authorities;
}

absl::StatusOr<std::unique_ptr<ClientCertificates>> ClientCertificates::Load(
    std::string ca_file) {
  // Stamped before it is read: a change in between is seen the next time.
  FileStamps stamps = StampsOf({ca_file});
  absl::StatusOr<Authorities> authorities = Read(ca_file);
  if (!authorities.ok()) return authorities.status();
  std::unique_ptr<ClientCertificates> certificates(new ClientCertificates(std::move(ca_file)));
  absl::MutexLock lock(&certificates->mutex_);
  certificates->stamps_ = std::move(stamps);
  certificates->authorities_ = *std::move(authorities);
  return certificates;
}

ClientCertificates::Authorities ClientCertificates::Current() {
  absl::MutexLock lock(&mutex_);
  FileStamps stamps = StampsOf({ca_file_});
  if (stamps == stamps_) return authorities_;
  stamps_ = std::move(stamps);
  absl::StatusOr<Authorities> read = Read(ca_file_);
  if (read.ok()) {
    authorities_ = *std::move(read);
    LogInfo("store", "AuthoritiesReloaded", {{"file", ca_file_}});
  } else {
    LogWarning("store", "AuthoritiesNotReloaded", {{"error", read.status()}});
  }
  return authorities_;
}

absl::StatusOr<std::vector<std::string>> ClientCertificates::Addresses(
    const std::vector<std::string>& chain, absl::Time now) {
  if (chain.empty() || chain.size() > kMostCertificates) {
    return absl::UnauthenticatedError(
        absl::StrCat(chain.size(), " certificates; 1 to ", kMostCertificates, " are taken"));
  }
  absl::StatusOr<Owned<X509>> certificate = ParseCertificate(chain.front());
  if (!certificate.ok()) return certificate.status();
  const Owned<STACK_OF(X509)> others(sk_X509_new_null());
  for (size_t i = 1; i < chain.size(); ++i) {
    absl::StatusOr<Owned<X509>> other = ParseCertificate(chain[i]);
    if (!other.ok()) return other.status();
    sk_X509_push(others.get(), other->release());
  }
  const Authorities authorities = Current();
  absl::Status verified = Verify(authorities.get(), certificate->get(), others.get(), now);
  if (!verified.ok()) return verified;
  return AddressesIn(certificate->get());
}

}  // namespace restante::store
