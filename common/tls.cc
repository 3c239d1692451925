#include "common/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace restante {
namespace {

// Forward secrecy and AEAD only; the TLS 1.3 suites of OpenSSL are all of that kind.
constexpr char kTls12Ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kGroups[] = "X25519:P-256:P-384";
constexpr unsigned char kSessionIdContext[] = "restante";

absl::Status FileError(absl::string_view kind, const std::string& path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(kind, " '", path, "': ", why));
}

// OpenSSL's innermost error in words; clears its queue.
std::string OpenSslReason() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
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

void WarnIfExpired(SSL_CTX* context, const std::string& path) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  if (certificate != nullptr && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    LogWarning("tls", "Certificate has expired", {{"file", path}});
  }
}

absl::Status LoadCertificate(SSL_CTX* context, const std::string& path) {
  if (absl::Status readable = CheckReadable("certificate", path); !readable.ok()) {
    return readable;
  }
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, path.c_str()) != 1) {
    const unsigned long code = ERR_peek_error();
    if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
      ERR_clear_error();
      return FileError("certificate", path,
                       "no PEM certificate in it (a line '-----BEGIN CERTIFICATE-----')");
    }
    return FileError("certificate", path, OpenSslReason());
  }
  return absl::OkStatus();
}

absl::Status LoadKey(SSL_CTX* context, const std::string& path,
                     const std::string& certificate_path) {
  if (absl::Status readable = CheckReadable("private key", path); !readable.ok()) {
    return readable;
  }
  ERR_clear_error();
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_file(path.c_str(), "r"),
                                                      &BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      bio == nullptr ? nullptr
                     : PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr),
      &EVP_PKEY_free);
  if (key == nullptr) {
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
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return FileError(
        "private key", path,
        absl::StrCat("it doesn't belong to the certificate '", certificate_path, "'"));
  }
  return absl::OkStatus();
}

absl::Status SetPolicy(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // A thousand idle sessions shouldn't hold a thousand record buffers.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  // Resumption by tickets: the server keeps nothing, and any session may resume.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, kTls12Ciphers) != 1 ||
      SSL_CTX_set1_groups_list(context, kGroups) != 1 ||
      SSL_CTX_set_session_id_context(context, kSessionIdContext,
                                     sizeof(kSessionIdContext) - 1) != 1) {
    return absl::InternalError(absl::StrCat("TLS can't be set up: ", OpenSslReason()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<asio::ssl::context> MakeServerTls(const std::string& certificate_file,
                                                 const std::string& key_file) {
  try {
    asio::ssl::context context(asio::ssl::context::tls_server);
    SSL_CTX* const handle = context.native_handle();
    if (absl::Status status = SetPolicy(handle); !status.ok()) return status;
    if (absl::Status status = LoadCertificate(handle, certificate_file); !status.ok()) {
      return status;
    }
    if (absl::Status status = LoadKey(handle, key_file, certificate_file); !status.ok()) {
      return status;
    }
    WarnIfExpired(handle, certificate_file);
    return context;
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("TLS can't be set up: ", error.what()));
  }
}

}  // namespace restante
