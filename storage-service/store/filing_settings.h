// The filing rules of domains: what each of a domain's accounts has that says nothing
// itself. Kept in a shard of their own, and in memory.
//
// Thread-safe. Errors: the engine's, CORRUPT.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/accounts.h"
#include "storage-service/store/async_mutex.h"
#include "storage-service/store/filing_rules.h"

namespace restante::store {

class FilingSettings {
 public:
  using Rules = std::shared_ptr<const FilingRules>;

  explicit FilingSettings(engine::Engine* engine) : engine_(engine) {}

  // Reads the settings. Before any other call.
  Task<absl::Status> Start();

  // Null: the domain has none. Domains are in normal form.
  Rules Of(absl::string_view domain) const ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on; nothing: the domain has none any more. The rules are legal.
  Task<absl::Status> Set(std::string domain, std::optional<FilingRules> rules);

  // By domain.
  std::vector<DomainFiling> List() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Put(const std::string& domain, std::optional<FilingRules> rules)
      ABSL_LOCKS_EXCLUDED(mutex_);

  engine::Engine* const engine_;
  AsyncMutex turn_;  // of changes

  mutable absl::Mutex mutex_;
  std::map<std::string, Rules, std::less<>> domains_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
