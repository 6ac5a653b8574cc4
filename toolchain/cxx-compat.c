/*
 * What the static libstdc++ of the compiler expects from glibc and older glibc versions do not have. Linked in behind it.
 * GLIBC_MINOR is the second number of the glibc version.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In glibc since 2.36. */
uint32_t arc4random(void) {
  uint32_t value;
  if (syscall(SYS_getrandom, &value, sizeof value, 0) != sizeof value) abort();
  return value;
}

#if GLIBC_MINOR < 25
int getentropy(void *buffer, size_t length) {
  return length <= 256 && syscall(SYS_getrandom, buffer, length, 0) == (long)length ? 0 : -1;
}
#endif

#if GLIBC_MINOR < 32
/* "Not known to have one thread": reference counts are always atomic. */
char __libc_single_threaded = 0;
#endif

#if GLIBC_MINOR < 18
/* Destructors of thread-local objects, run by the destructor of a key, the last registered first. */
struct destructor {
  void (*run)(void *);
  void *object;
  struct destructor *next;
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void run_all(void *list) {
  for (struct destructor *first = list; first != NULL;) {
    struct destructor *next = first->next;
    first->run(first->object);
    free(first);
    first = next;
  }
}

/* The main thread ends without running the destructors of keys. */
static void run_at_exit(void) {
  void *list = pthread_getspecific(key);
  pthread_setspecific(key, NULL);
  run_all(list);
}

static void create_key(void) {
  if (pthread_key_create(&key, run_all) != 0) abort();
  atexit(run_at_exit);
}

int __cxa_thread_atexit_impl(void (*run)(void *), void *object, void *library) {
  struct destructor *added = malloc(sizeof *added);
  (void)library;
  if (added == NULL) return -1;
  pthread_once(&once, create_key);
  *added = (struct destructor){run, object, pthread_getspecific(key)};
  return pthread_setspecific(key, added);
}
#endif
