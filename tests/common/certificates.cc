#include "tests/common/certificates.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace restante {
namespace {

void Must(bool right) {
  if (!right) std::abort();
}

std::string Contents(BIO* bio) {
  char* octets = nullptr;
  const long length = BIO_get_mem_data(bio, &octets);
  std::string contents(octets, static_cast<size_t>(length));
  BIO_free(bio);
  return contents;
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  Must(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

long NextSerial() {
  static std::atomic<long> serial{0};
  return ++serial;
}

}  // namespace

TestCertificate::TestCertificate(const TestCertificateSpec& spec)
    : key_(spec.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256")), certificate_(X509_new()) {
  X509* const certificate = certificate_.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), NextSerial());
  X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate), spec.valid_seconds);
  X509_set_pubkey(certificate, key_.get());
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(spec.common_name.c_str()),
                             -1, -1, 0);
  X509_set_issuer_name(certificate, spec.issuer == nullptr
                                        ? name
                                        : X509_get_subject_name(spec.issuer->certificate()));
  std::string alternatives;
  for (const std::string& host : spec.names) {
    absl::StrAppend(&alternatives, alternatives.empty() ? "" : ",", "DNS:", host);
  }
  for (const std::string& address : spec.addresses) {
    absl::StrAppend(&alternatives, alternatives.empty() ? "" : ",", "email:", address);
  }
  if (!alternatives.empty()) AddExtension(certificate, NID_subject_alt_name, alternatives);
  AddExtension(certificate, NID_basic_constraints,
               spec.authority ? "critical,CA:TRUE" : "CA:FALSE");
  Must(X509_sign(certificate, spec.issuer == nullptr ? key_.get() : spec.issuer->key(),
                 EVP_sha256()) > 0);
}

std::string TestCertificate::der() const {
  unsigned char* octets = nullptr;
  const int length = i2d_X509(certificate_.get(), &octets);
  Must(length > 0);
  std::string der(reinterpret_cast<const char*>(octets), static_cast<size_t>(length));
  OPENSSL_free(octets);
  return der;
}

std::string TestCertificate::CertificatePem() const {
  BIO* const bio = BIO_new(BIO_s_mem());
  Must(PEM_write_bio_X509(bio, certificate_.get()) == 1);
  return Contents(bio);
}

std::string TestCertificate::KeyPem(const std::string& passphrase) const {
  BIO* const bio = BIO_new(BIO_s_mem());
  const EVP_CIPHER* const cipher = passphrase.empty() ? nullptr : EVP_aes_128_cbc();
  Must(PEM_write_bio_PrivateKey(bio, key_.get(), cipher,
                                passphrase.empty()
                                    ? nullptr
                                    : reinterpret_cast<const unsigned char*>(passphrase.data()),
                                static_cast<int>(passphrase.size()), nullptr, nullptr) == 1);
  return Contents(bio);
}

void TestCertificate::Write(const std::string& certificate_path,
                            const std::string& key_path) const {
  WriteFile(certificate_path, CertificatePem());
  WriteFile(key_path, KeyPem());
}

void WriteFile(const std::string& path, const std::string& octets) {
  const std::string temporary = path + ".new";
  std::ofstream(temporary, std::ios::binary) << octets;
  std::filesystem::rename(temporary, path);
}

}  // namespace restante
