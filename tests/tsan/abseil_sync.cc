// Tells ThreadSanitizer what Abseil's locks order. Debian's Abseil, gRPC and RocksDB are
// built without it, so the runtime doesn't see that absl::Mutex synchronises, and would
// report a race on everything that one guards. These definitions stand in front of the
// library's, in our code and in gRPC's: they announce the ordering and call the real
// ones. Linked into the programs of a thread-sanitized build only.
#include <dlfcn.h>

#include <cstdlib>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

// The library's own definition of `symbol`. A member function takes its object as the
// first argument.
template <typename Function>
Function* Real(const char* symbol) {
  void* const address = dlsym(RTLD_NEXT, symbol);
  if (address == nullptr) abort();
  return reinterpret_cast<Function*>(address);
}

void Acquire(const void* object) { __tsan_acquire(const_cast<void*>(object)); }
void Release(const void* object) { __tsan_release(const_cast<void*>(object)); }

// Notification::HasBeenNotified() is inline and reads this flag, which follows a Mutex.
const void* NotifiedFlag(const absl::Notification* notification) {
  return reinterpret_cast<const char*>(notification) + sizeof(absl::Mutex);
}

}  // namespace

#define REAL(type, name) static type* const real = Real<type>("_ZN4absl7debian3" name)

namespace absl {
ABSL_NAMESPACE_BEGIN

using Simple = void(Mutex*);
using Trying = bool(Mutex*);
using When = void(Mutex*, const Condition&);
using WhenTimeout = bool(Mutex*, const Condition&, Duration);
using WhenDeadline = bool(Mutex*, const Condition&, Time);

void Mutex::Lock() {
  REAL(Simple, "5Mutex4LockEv");
  real(this);
  Acquire(this);
}

void Mutex::Unlock() {
  REAL(Simple, "5Mutex6UnlockEv");
  Release(this);
  real(this);
}

void Mutex::ReaderLock() {
  REAL(Simple, "5Mutex10ReaderLockEv");
  real(this);
  Acquire(this);
}

void Mutex::ReaderUnlock() {
  REAL(Simple, "5Mutex12ReaderUnlockEv");
  Release(this);
  real(this);
}

bool Mutex::TryLock() {
  REAL(Trying, "5Mutex7TryLockEv");
  const bool locked = real(this);
  if (locked) Acquire(this);
  return locked;
}

bool Mutex::ReaderTryLock() {
  REAL(Trying, "5Mutex13ReaderTryLockEv");
  const bool locked = real(this);
  if (locked) Acquire(this);
  return locked;
}

void Mutex::LockWhen(const Condition& condition) {
  REAL(When, "5Mutex8LockWhenERKNS0_9ConditionE");
  real(this, condition);
  Acquire(this);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  REAL(WhenTimeout, "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  const bool met = real(this, condition, timeout);
  Acquire(this);
  return met;
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  REAL(WhenDeadline, "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  const bool met = real(this, condition, deadline);
  Acquire(this);
  return met;
}

void Mutex::Await(const Condition& condition) {
  REAL(When, "5Mutex5AwaitERKNS0_9ConditionE");
  Release(this);
  real(this, condition);
  Acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  REAL(WhenTimeout, "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  Release(this);
  const bool met = real(this, condition, timeout);
  Acquire(this);
  return met;
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  REAL(WhenDeadline, "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  Release(this);
  const bool met = real(this, condition, deadline);
  Acquire(this);
  return met;
}

// Whoever unlocks a mutex evaluates the conditions of the waiting, still under the
// mutex but after Unlock() has announced the release: those reads are no races.
bool Condition::Eval() const {
  using Evaluate = bool(const Condition*);
  static Evaluate* const real = Real<Evaluate>("_ZNK4absl7debian39Condition4EvalEv");
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  const bool met = real(this);
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  return met;
}

void CondVar::Wait(Mutex* mutex) {
  using Waiting = void(CondVar*, Mutex*);
  REAL(Waiting, "7CondVar4WaitEPNS0_5MutexE");
  Release(mutex);
  real(this, mutex);
  Acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  using Waiting = bool(CondVar*, Mutex*, Duration);
  REAL(Waiting, "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  Release(mutex);
  const bool timed_out = real(this, mutex, timeout);
  Acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  using Waiting = bool(CondVar*, Mutex*, Time);
  REAL(Waiting, "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  Release(mutex);
  const bool timed_out = real(this, mutex, deadline);
  Acquire(mutex);
  return timed_out;
}

void Notification::Notify() {
  using Notifying = void(Notification*);
  REAL(Notifying, "12Notification6NotifyEv");
  Release(NotifiedFlag(this));
  real(this);
}

void Notification::WaitForNotification() const {
  using Waiting = void(const Notification*);
  static Waiting* const real =
      Real<Waiting>("_ZNK4absl7debian312Notification19WaitForNotificationEv");
  real(this);
  Acquire(NotifiedFlag(this));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  using Waiting = bool(const Notification*, Duration);
  static Waiting* const real = Real<Waiting>(
      "_ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE");
  const bool notified = real(this, timeout);
  if (notified) Acquire(NotifiedFlag(this));
  return notified;
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  using Waiting = bool(const Notification*, Time);
  static Waiting* const real = Real<Waiting>(
      "_ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE");
  const bool notified = real(this, deadline);
  if (notified) Acquire(NotifiedFlag(this));
  return notified;
}

bool BlockingCounter::DecrementCount() {
  using Counting = bool(BlockingCounter*);
  REAL(Counting, "15BlockingCounter14DecrementCountEv");
  Release(this);
  return real(this);
}

void BlockingCounter::Wait() {
  using Waiting = void(BlockingCounter*);
  REAL(Waiting, "15BlockingCounter4WaitEv");
  real(this);
  Acquire(this);
}

ABSL_NAMESPACE_END
}  // namespace absl
