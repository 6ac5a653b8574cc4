/* Reads the kernel's figures about the memory of this container. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>

/* Returns the peak memory use in bytes, or 0 if it is unknown. Fast enough to call for each response. */
uint64_t peak_memory(void);

/* Returns how many processes the kernel has killed for the memory limit (cgroup version 2 or 1), or 0 if unknown. */
uint64_t oom_kills(void);

#endif
