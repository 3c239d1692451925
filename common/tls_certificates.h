// Certificates with their chains and keys, as PEM files hold them, and the choice
// among several by the name that a client asks for (SNI, RFC 6066, section 3).
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante {

struct TlsCertificateFiles {
  // PEM: the server's certificate, then the intermediate ones.
  std::string certificate_file;
  // PEM, without a passphrase.
  std::string key_file;
};

struct FreeOpenSsl {
  void operator()(X509* value) const { X509_free(value); }
  void operator()(EVP_PKEY* value) const { EVP_PKEY_free(value); }
  void operator()(STACK_OF(X509) * value) const { sk_X509_pop_free(value, X509_free); }
  void operator()(SSL* value) const { SSL_free(value); }
  void operator()(SSL_CTX* value) const { SSL_CTX_free(value); }
};

// Errors are FAILED_PRECONDITION, name the file and say what is wrong with it: missing,
// not PEM, encrypted, or a key that doesn't belong to the certificate. Immutable once
// it is filled; then any thread.
class TlsCertificates {
 public:
  // The first to be added is the default. A certificate that has run out is accepted
  // with a warning in the log: mail that clients may still collect is better than none.
  absl::Status Add(const TlsCertificateFiles& files);

  // Whether a certificate names the host, exactly or by a wildcard for its first label.
  bool Knows(absl::string_view host) const { return Find(host) != nullptr; }

  // Gives a context, or a connection whose client asks for `host`, the certificates to
  // choose from: one for each type of key. A host that no certificate names gets the
  // default one, which the context has, so nothing is done.
  absl::Status Install(SSL_CTX* context) const;
  bool Install(SSL* connection, absl::string_view host) const;

 private:
  struct Pair {
    std::unique_ptr<X509, FreeOpenSsl> certificate;
    std::unique_ptr<EVP_PKEY, FreeOpenSsl> key;
    std::unique_ptr<STACK_OF(X509), FreeOpenSsl> chain;
  };
  using Indexes = std::vector<size_t>;

  const Indexes* Find(absl::string_view host) const;

  std::vector<Pair> pairs_;
  // Names in lower case, as "mail.example.org" or "*.example.org".
  absl::flat_hash_map<std::string, Indexes> by_name_;
  std::vector<std::string> default_names_;
  // The first, and those with the same names, for other types of key.
  Indexes defaults_;
};

// A stack of the certificates in a PEM file of authorities, at least one.
absl::Status CheckAuthorities(const std::string& path);

// OpenSSL's innermost error in words; clears its queue.
std::string OpenSslReason();

}  // namespace restante
