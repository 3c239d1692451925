// A body that several mailboxes share: nobody may take away a reference whose row is
// about to be written.
#include "storage-service/store/bodies.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

// Something happens between the reading of a body's references and what is done
// about them.
class InterruptedEngine : public MemoryEngine {
 public:
  void GetReferences(const engine::BodyId& body,
                     Done<absl::StatusOr<std::vector<engine::BodyReference>>> done) override {
    MemoryEngine::GetReferences(
        body, [this, done = std::move(done)](
                  absl::StatusOr<std::vector<engine::BodyReference>> references) mutable {
          if (interruption) interruption();
          std::move(done)(std::move(references));
        });
  }
  std::function<void()> interruption;
};

class BodiesTest : public ::testing::Test {
 protected:
  size_t References() {
    using Answer = absl::StatusOr<std::vector<engine::BodyReference>>;
    Answer answer = absl::InternalError("");
    engine_.GetReferences(body_, [&](Answer references) { answer = std::move(references); });
    return answer.ok() ? answer->size() : 0;
  }

  InterruptedEngine engine_;
  Bodies bodies_{&engine_};
  const engine::BodyId body_ = Id128::Random();
};

TEST_F(BodiesTest, AReferenceWithoutARowIsDroppedAndTheBodyErased) {
  engine_.PutChunk(body_, 0, "x", [](absl::Status) {});
  engine_.AddReference(body_, {Id128::Random(), 1}, [](absl::Status) {});
  EXPECT_TRUE(*SyncWait(bodies_.EraseIfUnneeded(body_)));
  EXPECT_EQ(References(), 0u);
}

TEST_F(BodiesTest, WhatIsHeldStays) {
  engine_.AddReference(body_, {Id128::Random(), 1}, [](absl::Status) {});
  const Bodies::Hold hold(&bodies_, body_);
  EXPECT_FALSE(*SyncWait(bodies_.EraseIfUnneeded(body_)));
  EXPECT_EQ(References(), 1u);
}

TEST_F(BodiesTest, WhatWasTakenAndLetGoOfMeanwhileStays) {
  engine_.AddReference(body_, {Id128::Random(), 1}, [](absl::Status) {});
  engine_.interruption = [this] { const Bodies::Hold hold(&bodies_, body_); };
  EXPECT_FALSE(*SyncWait(bodies_.EraseIfUnneeded(body_)))
      << "the reference may have its row by now";
  EXPECT_EQ(References(), 1u);
  engine_.interruption = nullptr;
  EXPECT_TRUE(*SyncWait(bodies_.EraseIfUnneeded(body_))) << "the next look finds out";
}

}  // namespace
}  // namespace restante::store
