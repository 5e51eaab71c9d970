// Tells the thread sanitizer what Swift's counting of references orders: what was done with an object before a
// reference to it went comes before whatever its last reference allows, its end or a change in place. The runtime is
// not instrumented, so that the sanitizer would call each such end a race. To be preloaded: Tools/stress --sanitize thread.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// The sanitizer's, in the program itself.
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

// The object behind a reference of any kind, null when nothing counts it. Strings and bridged references use the
// uppermost and lowest bits for themselves; those with the highest bit set are not counted.
static void *object(void *reference) {
  uintptr_t bits = (uintptr_t)reference;
  bits = bits >> 63 ? 0 : bits & 0x0ffffffffffffff8;
  return bits < 1 << 16 ? 0 : (void *)bits;
}

static void go(void *reference) {
  void *counted = object(reference);
  if (!counted || !__tsan_release) return;
  // Which reference is the last is not known before it is gone.
  __tsan_acquire(counted);
  __tsan_release(counted);
}

#define NEXT(name) \
  static __typeof__(&name) next; \
  if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name);

#define RELEASE(name) \
  void name(void *reference) { \
    NEXT(name) \
    go(reference); \
    next(reference); \
  }

#define RELEASE_MANY(name) \
  void name(void *reference, uint32_t count) { \
    NEXT(name) \
    go(reference); \
    next(reference, count); \
  }

#define IS_UNIQUE(name) \
  _Bool name(const void *reference) { \
    NEXT(name) \
    _Bool isUnique = next(reference); \
    void *counted = object((void *)reference); \
    if (isUnique && counted && __tsan_acquire) __tsan_acquire(counted); \
    return isUnique; \
  }

RELEASE(swift_release)
RELEASE(swift_bridgeObjectRelease)
RELEASE_MANY(swift_release_n)
RELEASE_MANY(swift_bridgeObjectRelease_n)
IS_UNIQUE(swift_isUniquelyReferenced_native)
IS_UNIQUE(swift_isUniquelyReferenced_nonNull_native)
