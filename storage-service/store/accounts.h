// The directory: which addresses there are, whose they are, and who may log in.
// An account's record, its mailboxes' names and its next UIDVALIDITY live in its
// own shard; the map from address to account is spread over a fixed number of
// address shards.
//
// Every method may be called from any thread. Errors carry a reason of
// proto/restante/v1/errors.proto; which ones is said there per rpc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/store/quota.h"
#include "storage-service/store/types.h"

namespace restante::store {

struct AccountPage {
  std::vector<AccountInfo> accounts;
  std::string next_page_token;  // empty: the last page
};

struct ImportProblem {
  uint64_t index = 0;
  std::string message;
};

struct ImportReport {
  uint64_t imported = 0;
  std::vector<ImportProblem> problems;  // at most 100; nothing imported if any
};

struct AccountChange {
  std::optional<bool> disabled;
  std::optional<uint64_t> quota_octets;  // 0: no limit
  std::optional<Pop3PolicyChange> pop3_policy;
  QuotaChange quota;
  std::optional<bool> pop3_disabled;
  std::optional<bool> imap_disabled;
  std::optional<std::optional<FilingRules>> filing_rules;  // nothing in it: inherited

  bool empty() const {
    return !disabled && !quota_octets && !pop3_policy && quota.empty() && !pop3_disabled &&
           !imap_disabled && !filing_rules;
  }
};

// Quotas of a domain: of each of its accounts of which nothing is said itself, and of
// all of them together.
struct DomainQuotaChange {
  QuotaChange accounts;
  QuotaChange total;
};

struct DomainQuota {
  std::string domain;
  Quota accounts;
  Quota total;
  Holding used;             // while there is a total
  bool used_known = false;  // false: it is still being counted, or isn't
};

struct DomainQuotaList {
  std::vector<DomainQuota> domains;  // by domain
  Quota service;
  QuotaGrace grace;
};

struct DomainPolicy {
  std::string domain;
  Pop3Policy policy;
};

struct DomainPolicies {
  std::vector<DomainPolicy> domains;  // by domain
  Pop3Policy service_policy;
};

// What each of a domain's accounts has that has no rules of its own.
struct DomainFiling {
  std::string domain;
  std::optional<FilingRules> rules;  // nothing: none
};

// What authentication proves: this caller may act for this account.
struct Authenticated {
  AccountId account;
  std::string address;
  std::string auth_token;  // for Maildrops::Open
  absl::Duration lifetime;
};

class Accounts {
 public:
  virtual ~Accounts() = default;

  virtual Task<absl::StatusOr<AccountInfo>> Create(NewAccount account) = 0;
  virtual Task<absl::StatusOr<AccountInfo>> Get(std::string address) = 0;
  virtual Task<absl::StatusOr<AccountPage>> List(std::string page_token, size_t page_size) = 0;
  virtual Task<absl::StatusOr<AccountInfo>> Update(std::string address,
                                                   AccountChange change) = 0;
  virtual Task<absl::Status> SetPassword(std::string address, Credential credential) = 0;
  virtual Task<absl::Status> Delete(std::string address) = 0;
  // Gives an account another address; all that it is and has stays. With `keep_alias`
  // the old address becomes an alias of it. ACCOUNT_EXISTS, BAD_ADDRESS, NO_SUCH_ACCOUNT.
  virtual Task<absl::StatusOr<AccountInfo>> Rename(std::string address, std::string new_address,
                                                   bool keep_alias) = 0;
  virtual Task<absl::StatusOr<ImportReport>> Import(std::vector<NewAccount> accounts) = 0;

  // What a domain's accounts inherit; a policy that becomes empty is taken away.
  virtual Task<absl::StatusOr<DomainPolicy>> SetDomainPolicy(std::string domain,
                                                             Pop3PolicyChange change) = 0;
  // One domain's, or all of them if it is empty.
  virtual Task<absl::StatusOr<DomainPolicies>> ListDomainPolicies(std::string domain) = 0;

  virtual Task<absl::StatusOr<DomainQuota>> SetDomainQuota(std::string domain,
                                                           DomainQuotaChange change) = 0;
  // One domain's, or all of them if it is empty.
  virtual Task<absl::StatusOr<DomainQuotaList>> ListDomainQuotas(std::string domain) = 0;

  // Nothing: the domain has no rules any more.
  virtual Task<absl::StatusOr<DomainFiling>> SetDomainFiling(
      std::string domain, std::optional<FilingRules> rules) = 0;
  // One domain's, or all of them if it is empty; by domain.
  virtual Task<absl::StatusOr<std::vector<DomainFiling>>> ListDomainFiling(
      std::string domain) = 0;

  // Password verification runs on threads of its own, behind a bounded queue and
  // a bounded cache of recent successes.
  virtual Task<absl::StatusOr<Authenticated>> AuthenticatePassword(std::string address,
                                                                   std::string password,
                                                                   ClientInfo client) = 0;
};

}  // namespace restante::store
