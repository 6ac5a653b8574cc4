/* What a worker process is doing, in memory that its supervisor sees. */
#ifndef LAYERSMITH_SLOT_H
#define LAYERSMITH_SLOT_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "event.h"
#include "runtime-api.h"

enum work {
	WORK_STARTING,  /* Until it asks for its first invocation. */
	WORK_RESTORED,  /* From its snapshot, until it asks for an invocation. */
	WORK_WAITING,   /* For an invocation. */
	WORK_BUSY,      /* With an invocation that nothing was answered to. */
	WORK_ANSWERING, /* A whole answer is on its way; whether Lambda has it is not known. */
	WORK_STREAMING, /* A part of the answer is sent. */
	WORK_ANSWERED,  /* Lambda has the answer; the script or the end of its request goes on. */
};

struct slot {
	pid_t pid;
	_Atomic int work;
	/* When the supervisor ends the worker, in milliseconds of CLOCK_MONOTONIC; 0 while the invocation has time. */
	_Atomic int64_t kill_at_ms;
	enum event_format format;
	char id[MAX_REQUEST_ID];
	/* `GET /path?query`, for log lines. */
	char what[1024];
};

#endif
