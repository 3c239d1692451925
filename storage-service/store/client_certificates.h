// Identities proved by certificates (SASL EXTERNAL): checks a client's certificate
// against the operator's authorities and tells which addresses it names. That the
// client holds the certificate's key is the front-end's to see, in its TLS handshake.
//
// Taken is a chain to an authority of the file that is valid now, by signatures of at
// least 112 bits of strength, for TLS clients (extended key usage clientAuth, or none),
// made of at most 10 certificates. There are no revocation lists: disable the account.
//
// Thread-safe. A check costs a few signature verifications, on the calling thread.
#pragma once

#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/file_stamp.h"

namespace restante::store {

class ClientCertificates {
 public:
  // `ca_file`: PEM, at least one certificate; an intermediate authority may stand for
  // itself. FAILED_PRECONDITION names the file and what is wrong with it.
  static absl::StatusOr<std::unique_ptr<ClientCertificates>> Load(std::string ca_file);

  // The addresses in the subject alternative name of the first certificate: rfc822Name
  // (RFC 5280) and SmtpUTF8Mailbox (RFC 9598), in their order and as they stand there.
  // The others, in any order, are used to build the chain. All are DER.
  // UNAUTHENTICATED: why the certificate isn't taken, for the log.
  //
  // The file is read again first if it has changed. If it is wrong then, the old
  // authorities stay in force, and the log says so.
  absl::StatusOr<std::vector<std::string>> Addresses(const std::vector<std::string>& chain,
                                                     absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Authorities = std::shared_ptr<X509_STORE>;

  explicit ClientCertificates(std::string ca_file) : ca_file_(std::move(ca_file)) {}
  static absl::StatusOr<Authorities> Read(const std::string& ca_file);
  Authorities Current() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string ca_file_;
  absl::Mutex mutex_;
  FileStamps stamps_ ABSL_GUARDED_BY(mutex_);
  Authorities authorities_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
