// Which bodies are still needed. A body is needed while a row or an expunged row
// that holds it exists for one of its references, or a delivery is about to write
// such a row. What isn't needed is erased here, and nowhere else.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"

namespace restante::store {

class Bodies {
 public:
  explicit Bodies(engine::Engine* engine) : engine_(engine) {}
  Bodies(const Bodies&) = delete;
  Bodies& operator=(const Bodies&) = delete;

  // Somebody is about to write a row that holds this body: while the hold lives, the
  // body isn't erased and no reference to it is removed as one without a row. Taken
  // before the reference is added, kept until the row's commit is complete.
  class Hold {
   public:
    Hold() = default;
    Hold(Bodies* bodies, const engine::BodyId& body);
    Hold(Hold&& other) noexcept
        : bodies_(std::exchange(other.bodies_, nullptr)), body_(other.body_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(bodies_, other.bodies_);
      std::swap(body_, other.body_);
      return *this;
    }
    ~Hold();

   private:
    Bodies* bodies_ = nullptr;
    engine::BodyId body_;
  };

  bool IsHeld(const engine::BodyId& body) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether the mailbox has a row, or an expunged row that isn't reclaimed, with
  // this UID and this body.
  Task<absl::StatusOr<bool>> IsValid(engine::BodyId body, engine::BodyReference reference);

  // Drops the references that no row stands behind, and leaves the body. How many.
  Task<absl::StatusOr<uint64_t>> DropDangling(engine::BodyId body);

  // Drops references that no row stands behind, as a crash leaves them, and
  // erases the body if none remains. True: erased. A body that is held stays.
  Task<absl::StatusOr<bool>> EraseIfUnneeded(engine::BodyId body);

 private:
  // What is found out about a body is worth nothing once somebody has taken it into
  // their hands, even if they have let go of it again.
  class Examination {
   public:
    Examination(Bodies* bodies, const engine::BodyId& body);
    ~Examination();
    Examination(const Examination&) = delete;
    Examination& operator=(const Examination&) = delete;

    // Calls the engine, unless the examination was disturbed. False: it was.
    template <typename Call>
    Task<absl::StatusOr<bool>> Conclude(Call call);
    // Under the bodies' mutex.
    void Disturb() { disturbed_ = true; }

   private:
    Bodies* const bodies_;
    const engine::BodyId body_;
    bool disturbed_ = false;  // under the bodies' mutex
  };

  engine::Engine* const engine_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<engine::BodyId, int> held_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<engine::BodyId, std::vector<Examination*>> examined_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
