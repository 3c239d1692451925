// HMAC-SHA-256 (RFC 2104) under one key for the lifetime of an object, for those who
// compute it with every operation of every session. The key is set up once; a one-shot
// HMAC() of OpenSSL 3 looks up the algorithm and sets up the key each time, which costs
// several times what the digest of a short message does.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace restante::store {

// Thread-safe. The key is kept in contexts of OpenSSL's, which wipe it when they go.
class KeyedMac {
 public:
  static constexpr size_t kOctets = 32;
  using Mac = std::array<uint8_t, kOctets>;

  // `key` may be wiped after the call. Aborts when OpenSSL is without SHA-256: nothing
  // that depends on a MAC may go on then.
  explicit KeyedMac(absl::string_view key);
  ~KeyedMac();
  KeyedMac(const KeyedMac&) = delete;
  KeyedMac& operator=(const KeyedMac&) = delete;

  Mac Of(absl::string_view message) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_MAC_CTX, Free>;

  Context Take() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Never computes: the others are copies of it.
  Context keyed_;
  mutable absl::Mutex mutex_;
  // As many as were ever in use at the same time.
  mutable std::vector<Context> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
