/* What the parts of variations.so share. */
#ifndef VARIATIONS_H
#define VARIATIONS_H

#include <dlfcn.h>

/* Lets `pointer` be the function of that name that would be called without this library; looked up once. */
#define FIND(pointer, name) \
  do { \
    if ((pointer) == NULL) (pointer) = (__typeof__(pointer))dlsym(RTLD_NEXT, name); \
  } while (0)

#endif
