#include "common/tls.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
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

// What the callbacks of a context need. It goes with the context, which lives as long
// as the last connection that was made with it.
struct ContextState {
  TlsCertificates certificates;
  std::shared_ptr<TlsTickets> tickets;
  // As on the wire: its length, then the name.
  std::string alpn;
};

void FreeState(void*, void* state, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<ContextState*>(state);
}

int StateIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeState);
  return index;
}

ContextState& StateOf(SSL* connection) {
  return *static_cast<ContextState*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), StateIndex()));
}

int AcknowledgeName(SSL* connection, int*, void*) {
  const char* const host = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
  const bool known = host != nullptr && StateOf(connection).certificates.Knows(host);
  return known ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int ChooseCertificate(SSL* connection, void*) {
  const char* const host = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
  if (host == nullptr) return 1;
  return StateOf(connection).certificates.Install(connection, host) ? 1 : 0;
}

int ChooseProtocol(SSL* connection, const unsigned char** chosen, unsigned char* length,
                   const unsigned char* offered, unsigned int offered_length, void*) {
  const std::string& own = StateOf(connection).alpn;
  unsigned char* match = nullptr;
  const int result =
      SSL_select_next_proto(&match, length, reinterpret_cast<const unsigned char*>(own.data()),
                            static_cast<unsigned int>(own.size()), offered, offered_length);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

int TicketKey(SSL* connection, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int encrypt) {
  TlsTickets& tickets = *StateOf(connection).tickets;
  return encrypt != 0 ? tickets.Encrypt(connection, name, iv, cipher, mac)
                      : tickets.Decrypt(name, iv, cipher, mac);
}

// A certificate is a choice: a client with a wrong one may still use its password. What
// was found wrong stays in the connection's verify result.
int GoOn(int, X509_STORE_CTX* store) {
  auto* const connection = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (connection != nullptr) SSL_set_num_tickets(connection, 0);
  return 1;
}

absl::Status SetPolicy(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // A thousand idle sessions shouldn't hold a thousand record buffers.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  // Resumption by tickets: the server keeps nothing, and any thread may resume.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, absl::ToInt64Seconds(TlsTickets::kKeyLifetime));
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, TicketKey);
  SSL_CTX_set_tlsext_servername_callback(context, AcknowledgeName);
  SSL_CTX_set_cert_cb(context, ChooseCertificate, nullptr);
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, kTls12Ciphers) != 1 ||
      SSL_CTX_set1_groups_list(context, kGroups) != 1 ||
      SSL_CTX_set_session_id_context(context, kSessionIdContext,
                                     sizeof(kSessionIdContext) - 1) != 1) {
    return absl::InternalError(absl::StrCat("TLS can't be set up: ", OpenSslReason()));
  }
  return absl::OkStatus();
}

absl::Status AskForClientCertificates(SSL_CTX* context, const std::string& path) {
  if (absl::Status status = CheckAuthorities(path); !status.ok()) return status;
  ERR_clear_error();
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(path.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context, path.c_str()) != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("client authorities '", path, "': ", OpenSslReason()));
  }
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, GoOn);
  return absl::OkStatus();
}

std::vector<std::string> PathsOf(const ServerTlsOptions& options) {
  std::vector<std::string> paths;
  for (const TlsCertificateFiles& files : options.certificates) {
    paths.push_back(files.certificate_file);
    paths.push_back(files.key_file);
  }
  if (!options.client_ca_file.empty()) paths.push_back(options.client_ca_file);
  return paths;
}

std::string Der(X509* certificate) {
  unsigned char* octets = nullptr;
  const int length = i2d_X509(certificate, &octets);
  if (length <= 0) return {};
  std::string der(reinterpret_cast<const char*>(octets), static_cast<size_t>(length));
  OPENSSL_free(octets);
  return der;
}

}  // namespace

ServerTls::ServerTls(ServerTlsOptions options)
    : options_(std::move(options)), paths_(PathsOf(options_)) {}

absl::StatusOr<std::unique_ptr<ServerTls>> ServerTls::Create(ServerTlsOptions options) {
  if (options.certificates.empty()) {
    return absl::FailedPreconditionError("no certificate file is configured");
  }
  std::unique_ptr<ServerTls> tls(new ServerTls(std::move(options)));
  tls->stamps_ = StampsOf(tls->paths_);
  absl::StatusOr<std::unique_ptr<SSL_CTX, FreeOpenSsl>> context = tls->Load();
  if (!context.ok()) return context.status();
  absl::MutexLock lock(&tls->mutex_);
  tls->context_ = *std::move(context);
  return tls;
}

absl::StatusOr<std::unique_ptr<SSL_CTX, FreeOpenSsl>> ServerTls::Load() const {
  std::unique_ptr<SSL_CTX, FreeOpenSsl> context(SSL_CTX_new(TLS_server_method()));
  auto state = std::make_unique<ContextState>();
  if (context == nullptr ||
      SSL_CTX_set_ex_data(context.get(), StateIndex(), state.get()) != 1) {
    return absl::InternalError(absl::StrCat("TLS can't be set up: ", OpenSslReason()));
  }
  // From here on the context owns it.
  ContextState& own = *state.release();
  own.tickets = tickets_;
  if (absl::Status status = SetPolicy(context.get()); !status.ok()) return status;
  for (const TlsCertificateFiles& files : options_.certificates) {
    if (absl::Status status = own.certificates.Add(files); !status.ok()) return status;
  }
  if (absl::Status status = own.certificates.Install(context.get()); !status.ok()) {
    return status;
  }
  if (!options_.client_ca_file.empty()) {
    absl::Status status = AskForClientCertificates(context.get(), options_.client_ca_file);
    if (!status.ok()) return status;
  }
  if (!options_.alpn.empty()) {
    own.alpn =
        absl::StrCat(std::string(1, static_cast<char>(options_.alpn.size())), options_.alpn);
    SSL_CTX_set_alpn_select_cb(context.get(), ChooseProtocol, nullptr);
  }
  return context;
}

TlsConnection ServerTls::NewConnection() {
  absl::MutexLock lock(&mutex_);
  return TlsConnection(SSL_new(context_.get()));
}

bool ServerTls::ReloadIfChanged() {
  // Taken before the files are read: a change meanwhile is seen the next time. While
  // they are wrong they are tried every time, for the clock of file times is coarse.
  FileStamps stamps = StampsOf(paths_);
  if (stamps == stamps_ && last_error_.empty()) return false;
  absl::StatusOr<std::unique_ptr<SSL_CTX, FreeOpenSsl>> context = Load();
  stamps_ = std::move(stamps);
  if (!context.ok()) {
    std::string error(context.status().message());
    if (error != last_error_) {
      LogError("tls", "Changed TLS files can't be used, the old ones stay in force",
               {{"error", error}});
    }
    last_error_ = std::move(error);
    return false;
  }
  last_error_.clear();
  {
    absl::MutexLock lock(&mutex_);
    context_.swap(*context);
  }
  LogInfo("tls", "TLS files were read again");
  return true;
}

bool HasVerifiedPeer(const SSL* connection) {
  return SSL_get0_peer_certificate(connection) != nullptr &&
         SSL_get_verify_result(connection) == X509_V_OK && SSL_session_reused(connection) == 0;
}

bool HasVerifiedName(const SSL* connection, const std::vector<std::string>& names) {
  if (!HasVerifiedPeer(connection)) return false;
  X509* const certificate = SSL_get0_peer_certificate(connection);
  return names.empty() ||
         std::any_of(names.begin(), names.end(), [certificate](const std::string& name) {
           return X509_check_host(certificate, name.data(), name.size(), 0, nullptr) == 1;
         });
}

std::vector<std::string> PeerCertificates(const SSL* connection) {
  std::vector<std::string> certificates;
  X509* const own = SSL_get0_peer_certificate(connection);
  if (own == nullptr) return certificates;
  certificates.push_back(Der(own));
  // On a server's side without the client's own.
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(connection);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    certificates.push_back(Der(sk_X509_value(chain, i)));
  }
  return certificates;
}

}  // namespace restante
