/* Client of the Lambda Runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), over one kept connection. */
#ifndef LAYERSMITH_RUNTIME_API_H
#define LAYERSMITH_RUNTIME_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"

/* Headers of answers: of an error, and lines of one that is streamed, whose trailers may tell an error. */
#define ERROR_TYPE "Lambda-Runtime-Function-Error-Type"
#define ERROR_BODY "Lambda-Runtime-Function-Error-Body"
#define STREAM_LINES "Lambda-Runtime-Function-Response-Mode: streaming\r\nTrailer: " ERROR_TYPE ", " ERROR_BODY "\r\n"

/* The longest request id, with its end. */
#define MAX_REQUEST_ID 128

/* What /invocation/next says about an invocation. The texts are "" where a header is absent. They live until the next call. */
struct invocation {
	const char *id;
	const char *function_arn;
	const char *trace_id;
	const char *client_context;
	const char *identity;
	const char *tenant_id;
	int64_t deadline_ms; /* Since 1970. 0 if there is none. */
	const char *event;   /* Not terminated. */
	size_t event_length;
};

/* Returns what Lambda says about an invocation as a JSON object, with the names of Lambda's own runtimes. */
const char *invocation_json(struct arena *arena, const struct invocation *invocation);

struct runtime_api;

/* Connects with the first call. `address` is the value of AWS_LAMBDA_RUNTIME_API, HOST:PORT. Never returns NULL. */
struct runtime_api *api_create(const char *address);

/* Closes the connection and forgets what it holds: for a process that was forked off. */
void api_reset(struct runtime_api *api);

/*
 * Waits for the next invocation, whatever the Runtime API answers meanwhile. Returns false if it cannot be reached, has an error of
 * its own (a status from 500 on) or refuses again and again: it is logged, and the process has to end.
 */
bool api_next(struct runtime_api *api, struct invocation *invocation);

/* Frees the memory of a large event, which must not be used any more. */
void api_forget_event(struct runtime_api *api);

/* Waits for the restore of a snapshot. Returns false if the Runtime API refused. */
bool api_restore_next(struct runtime_api *api);

/*
 * Sends a POST. `path` is what comes after /2018-06-01/runtime/, `headers` are whole lines. Returns the status, 0 if the
 * connection was lost.
 */
int api_post(struct runtime_api *api, const char *path, const char *headers, const char *body, size_t length);

/* A POST in chunks, each of which is sent at once. They return false once the connection is lost. */
bool api_begin(struct runtime_api *api, const char *path, const char *headers);
bool api_chunk(struct runtime_api *api, const char *bytes, size_t length);
/* Ends it with trailers, whole lines. Returns the status, 0 if the connection was lost. */
int api_end(struct runtime_api *api, const char *trailers);

#endif
