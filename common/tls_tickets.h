// The keys of TLS session tickets: made in this process, kept in its memory alone, and
// changed every few hours, so that a key that leaks opens little. All contexts of a
// server share one set, so sessions are resumed after a change of certificates as well.
// What a client has proved by a certificate isn't put into a ticket: that has to be
// proved anew, to authorities that may have changed.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace restante {

class TlsTickets {
 public:
  // A key makes tickets for this long and opens them for as long again, which is also
  // how long a session may be resumed.
  static constexpr absl::Duration kKeyLifetime = absl::Hours(12);

  explicit TlsTickets(std::function<absl::Time()> now = absl::Now) : now_(std::move(now)) {}
  TlsTickets(const TlsTickets&) = delete;
  TlsTickets& operator=(const TlsTickets&) = delete;

  // What SSL_CTX_set_tlsext_ticket_key_evp_cb asks for: 1 to go on, 2 to go on and make
  // a new ticket, 0 for no ticket, or one that can't be opened, -1 for a failure.
  int Encrypt(SSL* connection, unsigned char name[16], unsigned char* iv,
              EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) ABSL_LOCKS_EXCLUDED(mutex_);
  int Decrypt(const unsigned char name[16], const unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Key {
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher{};
    std::array<unsigned char, 32> mac{};
    // InfinitePast: there is none.
    absl::Time made = absl::InfinitePast();
  };

  bool Renew(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::function<absl::Time()> now_;
  absl::Mutex mutex_;
  Key current_ ABSL_GUARDED_BY(mutex_);
  Key previous_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante
