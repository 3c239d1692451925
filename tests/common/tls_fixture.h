// The fixture of the TLS tests: files in a directory of their own, and handshakes in
// memory.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "common/tls.h"
#include "tests/common/certificates.h"

namespace restante {

using TlsContext = std::unique_ptr<SSL_CTX, FreeOpenSsl>;

class TlsFixture : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/restante-tls-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    TestCertificate().Write(Path("cert.pem"), Path("key.pem"));
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string Path(const std::string& name) const { return (dir_ / name).string(); }

  // One certificate, from cert.pem and key.pem.
  ServerTlsOptions Options() const {
    ServerTlsOptions options;
    options.certificates = {{Path("cert.pem"), Path("key.pem")}};
    return options;
  }

  static std::unique_ptr<ServerTls> Make(const ServerTlsOptions& options) {
    absl::StatusOr<std::unique_ptr<ServerTls>> tls = ServerTls::Create(options);
    if (!tls.ok()) ADD_FAILURE() << tls.status();
    return tls.ok() ? *std::move(tls) : nullptr;
  }

  static TlsContext ClientContext(int version = 0) {
    TlsContext context(SSL_CTX_new(TLS_client_method()));
    if (version != 0) {
      SSL_CTX_set_min_proto_version(context.get(), version);
      SSL_CTX_set_max_proto_version(context.get(), version);
    }
    return context;
  }

  // Shakes hands in memory; true when both sides are done. What the server sends behind
  // it (tickets) is taken too.
  static bool Handshake(SSL* client, SSL* server) {
    BIO* client_end = nullptr;
    BIO* server_end = nullptr;
    BIO_new_bio_pair(&client_end, 64 * 1024, &server_end, 64 * 1024);
    SSL_set_bio(client, client_end, client_end);
    SSL_set_bio(server, server_end, server_end);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    int client_done = 0;
    int server_done = 0;
    for (int turn = 0; turn < 20 && (client_done != 1 || server_done != 1); ++turn) {
      client_done = SSL_do_handshake(client);
      server_done = SSL_do_handshake(server);
    }
    char nothing = 0;
    if (client_done == 1) SSL_read(client, &nothing, 1);
    return client_done == 1 && server_done == 1;
  }

  // The common name of the certificate that a client gets who asks for `host`.
  static std::string ServedTo(ServerTls& tls, const std::string& host,
                              const char* signatures = nullptr) {
    const TlsContext context = ClientContext();
    if (signatures != nullptr) SSL_CTX_set1_sigalgs_list(context.get(), signatures);
    const TlsConnection client(SSL_new(context.get()));
    if (!host.empty()) SSL_set_tlsext_host_name(client.get(), host.c_str());
    const TlsConnection server = tls.NewConnection();
    if (!Handshake(client.get(), server.get())) return "(no handshake)";
    char name[128] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(client.get())),
                              NID_commonName, name, sizeof(name));
    return name;
  }

  std::filesystem::path dir_;
};

}  // namespace restante
