/* Lambda's deadline: a request that would outlive it is answered before. */
#ifndef LAYERSMITH_DEADLINE_H
#define LAYERSMITH_DEADLINE_H

#include <stdint.h>

#include "slot.h"

/* Prepares the timer of this process, and makes PHP look for its end. */
void deadline_init(struct slot *slot);

/* Starts the timer for an invocation that Lambda ends at that time, in milliseconds since 1970; 0 for none. */
void deadline_set(int64_t deadline_ms);

void deadline_clear(void);

/* Now, in milliseconds of CLOCK_MONOTONIC. */
int64_t now_ms(void);

#endif
