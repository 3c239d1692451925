// The directory's answer to a client that proves its identity by a certificate (SASL
// EXTERNAL).
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/client_certificates.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"

namespace restante::store {
namespace {

// The same to the client in all cases; the log has the reason.
absl::Status Refuse(const ClientInfo& client, const std::string& why) {
  LogInfo("store", "CertificateRefused",
          {{"remote", client.remote_address}, {"request", client.request_id}, {"why", why}});
  return MakeError(v1::ERROR_REASON_BAD_CREDENTIALS, "the certificate isn't accepted");
}

}  // namespace

Task<absl::StatusOr<Directory::Entry>> Directory::VerifyCertificates(
    std::vector<std::string> chain, std::string address, ClientInfo client) {
  if (client_certificates_ == nullptr) {
    co_return Refuse(client, "no client_ca_file is configured");
  }
  absl::StatusOr<std::vector<std::string>> named =
      client_certificates_->Addresses(chain, clock_->Now());
  if (!named.ok()) co_return Refuse(client, std::string(named.status().message()));

  std::vector<std::string> identities;
  for (const std::string& name : *named) {
    absl::StatusOr<std::string> normalized = NormalizeAddress(name);
    if (!normalized.ok()) continue;
    const auto known = std::find(identities.begin(), identities.end(), *normalized);
    if (known == identities.end()) identities.push_back(*std::move(normalized));
  }
  std::string identity;
  if (!address.empty()) {
    absl::StatusOr<std::string> wanted = NormalizeAddress(address);
    const bool proved = wanted.ok() && std::find(identities.begin(), identities.end(),
                                                 *wanted) != identities.end();
    if (!proved) co_return Refuse(client, "it doesn't name the address asked for");
    identity = *std::move(wanted);
  } else if (identities.size() == 1) {
    identity = std::move(identities.front());
  } else {
    co_return Refuse(client, identities.empty() ? "it names no address"
                                                : "it names several addresses, and the client "
                                                  "didn't say which");
  }

  absl::StatusOr<Entry> entry = co_await FindNormalized(std::move(identity));
  if (!entry.ok()) {
    if (!IsNoSuchAccount(entry.status())) co_return entry.status();
    co_return Refuse(client, "there is no account of its address");
  }
  if ((*entry)->disabled) co_return DisabledError((*entry)->address);
  co_return entry;
}

}  // namespace restante::store
