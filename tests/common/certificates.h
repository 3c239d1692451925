// Certificates for tests, made when they are needed: self-signed, or issued by others
// of them. Failures abort the test program.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "common/tls_certificates.h"

namespace restante {

class TestCertificate;

struct TestCertificateSpec {
  std::string common_name = "localhost";
  // Alternative names.
  std::vector<std::string> names;
  // E-mail addresses among the alternative names.
  std::vector<std::string> addresses;
  // From now on.
  long valid_seconds = 3600;
  bool rsa = false;
  bool authority = false;
  // Null: self-signed.
  const TestCertificate* issuer = nullptr;
};

class TestCertificate {
 public:
  explicit TestCertificate(const TestCertificateSpec& spec = {});

  X509* certificate() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }
  std::string der() const;
  std::string CertificatePem() const;
  // Encrypted with `passphrase` unless that is empty.
  std::string KeyPem(const std::string& passphrase = "") const;

  // Both files, in their places at once or not at all each.
  void Write(const std::string& certificate_path, const std::string& key_path) const;

 private:
  std::unique_ptr<EVP_PKEY, FreeOpenSsl> key_;
  std::unique_ptr<X509, FreeOpenSsl> certificate_;
};

void WriteFile(const std::string& path, const std::string& octets);

}  // namespace restante
