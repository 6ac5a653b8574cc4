/* What the kernel knows about the memory of the container that this runs in. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>

/* The most bytes that were in use at once so far; 0 when nobody knows. Fast enough to be asked for each answer. */
uint64_t peak_memory(void);

/* How many processes the kernel has killed for the memory limit: cgroup version 2, else 1; 0 when nobody knows. */
uint64_t oom_kills(void);

#endif
