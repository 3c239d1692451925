// Marks where an object passes to another thread by way of a library that hands it over
// by means of its own. gRPC does so rightly, but neither a reader of our code nor
// ThreadSanitizer can see it there: between Give() and Take() they do.
#pragma once

#include <atomic>

namespace restante {

class Handover {
 public:
  // What this thread has written is there for a thread that calls Take() later.
  void Give() { given_.store(true, std::memory_order_release); }
  void Take() const { static_cast<void>(given_.load(std::memory_order_acquire)); }

 private:
  std::atomic<bool> given_ = false;
};

}  // namespace restante
