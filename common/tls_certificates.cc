#include "common/tls_certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace restante {
namespace {

struct FreeBio {
  void operator()(BIO* value) const { BIO_free(value); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

absl::Status FileError(absl::string_view kind, const std::string& path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(kind, " '", path, "': ", why));
}

absl::Status CheckReadable(absl::string_view kind, const std::string& path) {
  if (path.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("no ", kind, " file is configured"));
  }
  errno = 0;
  std::ifstream file(path);
  if (!file || file.peek() == std::ifstream::traits_type::eof()) {
    return FileError(
        kind, path,
        errno != 0 ? std::generic_category().message(errno) : std::string("the file is empty"));
  }
  return absl::OkStatus();
}

// A service has nobody who could type a passphrase.
int NoPassphrase(char*, int, int, void*) { return -1; }

bool NoMorePem() {
  const unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

// All certificates of a PEM file.
absl::StatusOr<std::vector<std::unique_ptr<X509, FreeOpenSsl>>> ReadCertificates(
    absl::string_view kind, const std::string& path) {
  if (absl::Status readable = CheckReadable(kind, path); !readable.ok()) return readable;
  std::vector<std::unique_ptr<X509, FreeOpenSsl>> certificates;
  ERR_clear_error();
  const Bio bio(BIO_new_file(path.c_str(), "r"));
  if (bio == nullptr) return FileError(kind, path, OpenSslReason());
  while (X509* certificate = PEM_read_bio_X509_AUX(bio.get(), nullptr, NoPassphrase, nullptr)) {
    certificates.emplace_back(certificate);
  }
  if (!NoMorePem()) return FileError(kind, path, OpenSslReason());
  ERR_clear_error();
  if (certificates.empty()) {
    return FileError(kind, path,
                     "no PEM certificate in it (a line '-----BEGIN CERTIFICATE-----')");
  }
  return certificates;
}

absl::StatusOr<std::unique_ptr<EVP_PKEY, FreeOpenSsl>> ReadKey(const std::string& path) {
  if (absl::Status readable = CheckReadable("private key", path); !readable.ok()) {
    return readable;
  }
  ERR_clear_error();
  const Bio bio(BIO_new_file(path.c_str(), "r"));
  std::unique_ptr<EVP_PKEY, FreeOpenSsl> key(
      bio == nullptr ? nullptr
                     : PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key != nullptr) return key;
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  const bool encrypted =
      (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_BAD_PASSWORD_READ) ||
      ERR_GET_REASON(code) == ERR_R_INTERRUPTED_OR_CANCELLED;
  return FileError("private key", path,
                   encrypted
                       ? "it is encrypted; a key without a passphrase is needed"
                       : "no PEM private key in it (a line '-----BEGIN PRIVATE KEY-----')");
}

std::string LowerCased(const ASN1_STRING* text) {
  return absl::AsciiStrToLower(
      absl::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                        static_cast<size_t>(ASN1_STRING_length(text))));
}

// The DNS names among the subject's alternative names; without any, the common name.
std::vector<std::string> NamesOf(X509* certificate) {
  std::vector<std::string> names;
  auto* const alternatives = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_DNS) names.push_back(LowerCased(name->d.dNSName));
  }
  GENERAL_NAMES_free(alternatives);
  if (names.empty()) {
    const X509_NAME* const subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0) {
      names.push_back(LowerCased(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string OpenSslReason() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

absl::Status TlsCertificates::Add(const TlsCertificateFiles& files) {
  auto certificates = ReadCertificates("certificate", files.certificate_file);
  if (!certificates.ok()) return certificates.status();
  auto key = ReadKey(files.key_file);
  if (!key.ok()) return key.status();
  Pair pair;
  pair.certificate = std::move(certificates->front());
  pair.key = *std::move(key);
  pair.chain.reset(sk_X509_new_null());
  for (size_t i = 1; i < certificates->size(); ++i) {
    sk_X509_push(pair.chain.get(), (*certificates)[i].release());
  }
  if (X509_check_private_key(pair.certificate.get(), pair.key.get()) != 1) {
    ERR_clear_error();
    return FileError(
        "private key", files.key_file,
        absl::StrCat("it doesn't belong to the certificate '", files.certificate_file, "'"));
  }
  if (X509_cmp_current_time(X509_get0_notAfter(pair.certificate.get())) < 0) {
    LogWarning("tls", "Certificate has expired", {{"file", files.certificate_file}});
  }
  const size_t index = pairs_.size();
  std::vector<std::string> names = NamesOf(pair.certificate.get());
  for (const std::string& name : names) by_name_[name].push_back(index);
  if (index == 0) default_names_ = names;
  if (names == default_names_) defaults_.push_back(index);
  pairs_.push_back(std::move(pair));
  return absl::OkStatus();
}

const TlsCertificates::Indexes* TlsCertificates::Find(absl::string_view host) const {
  const std::string name = absl::AsciiStrToLower(host);
  auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    const size_t dot = name.find('.');
    if (dot == 0 || dot == name.npos) return nullptr;
    found = by_name_.find(absl::StrCat("*", name.substr(dot)));
  }
  return found == by_name_.end() ? nullptr : &found->second;
}

absl::Status TlsCertificates::Install(SSL_CTX* context) const {
  ERR_clear_error();
  // Of two with one type of key the earlier one stays.
  for (auto index = defaults_.rbegin(); index != defaults_.rend(); ++index) {
    const Pair& pair = pairs_[*index];
    if (SSL_CTX_use_cert_and_key(context, pair.certificate.get(), pair.key.get(),
                                 pair.chain.get(), /*override=*/1) != 1) {
      return absl::FailedPreconditionError(
          absl::StrCat("the certificate can't be used: ", OpenSslReason()));
    }
  }
  return absl::OkStatus();
}

bool TlsCertificates::Install(SSL* connection, absl::string_view host) const {
  const Indexes* const found = Find(host);
  if (found == nullptr || *found == defaults_) return true;
  SSL_certs_clear(connection);
  for (auto index = found->rbegin(); index != found->rend(); ++index) {
    const Pair& pair = pairs_[*index];
    if (SSL_use_cert_and_key(connection, pair.certificate.get(), pair.key.get(),
                             pair.chain.get(), /*override=*/1) != 1) {
      return false;
    }
  }
  return true;
}

absl::Status CheckAuthorities(const std::string& path) {
  return ReadCertificates("client authorities", path).status();
}

}  // namespace restante
