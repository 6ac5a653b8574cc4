/* SnapStart: Lambda keeps the memory of a started function, and goes on from it in many environments. */
#ifndef LAYERSMITH_SNAPSHOT_H
#define LAYERSMITH_SNAPSHOT_H

#include <stdbool.h>

#include "runtime-api.h"
#include "slot.h"

/* Will Lambda take a snapshot of this function? */
bool snapshot_is_wanted(void);

/* Tells Lambda that the function has started, waits for a restore, and renews the connection and the seeds of random numbers. */
void snapshot_wait(struct runtime_api *api, struct slot *slot);

/* Tells Lambda that the function cannot go on from its snapshot, and ends the process. */
__attribute__((noreturn)) void fail_to_restore(struct runtime_api *api, const char *reason);

#endif
