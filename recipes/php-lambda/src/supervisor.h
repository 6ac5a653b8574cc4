/* The parent of the processes that serve: it answers for one that died, and starts another. */
#ifndef LAYERSMITH_SUPERVISOR_H
#define LAYERSMITH_SUPERVISOR_H

#include "runtime-api.h"

/* Starts the workers and watches them until Lambda ends. PHP must have been started: workers are forked from it. */
__attribute__((noreturn)) void supervise(struct runtime_api *api, int workers);

/* Tells Lambda that the function cannot start, and ends the process. */
__attribute__((noreturn, format(printf, 3, 4))) void fail_to_start(struct runtime_api *api, const char *type, const char *format, ...);

#endif
