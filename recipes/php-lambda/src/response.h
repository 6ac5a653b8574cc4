/* The answer to an HTTP request: collected, or sent as it is written. */
#ifndef LAYERSMITH_RESPONSE_H
#define LAYERSMITH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "runtime-api.h"
#include "slot.h"

struct response;

struct response *response_create(struct runtime_api *api, struct slot *slot);

/* Starts the answer to the slot's request. */
void response_start(struct response *response, bool streamed);

/* Sends a Content-Length of the script's: for HEAD, whose answer has no body to count. */
void response_keep_length(struct response *response);

void response_status(struct response *response, int status);
/* Adds a header. Ignores those that concern a single connection, and takes the status from one named Status if `takes_status`. */
void response_header(struct response *response, const char *line, size_t length, bool takes_status);
void response_write(struct response *response, const char *data, size_t length);
/* Sends what is there, if the answer is streamed. */
void response_flush(struct response *response);

/* Sends the rest. Later calls do nothing. */
void response_finish(struct response *response);

/* Sends a short page in place of what is collected; if a part of the answer is sent, an error that ends it. */
void response_fail(struct response *response, int status, const char *reason);

/* Is a part of a streamed answer sent? */
bool response_is_begun(const struct response *response);
bool response_is_finished(const struct response *response);

/* Answers an invocation with an error, as Lambda's runtimes do. */
void respond_with_error(struct runtime_api *api, const char *id, const char *type, const char *message);

/* Tells that the function cannot start. */
void respond_with_init_error(struct runtime_api *api, const char *type, const char *message);

/* Tells that the function cannot go on from its snapshot. */
void respond_with_restore_error(struct runtime_api *api, const char *type, const char *message);

/* Answers the invocation of a slot with a short page: for a process that has taken over. */
void respond_for(struct runtime_api *api, const struct slot *slot, int status);

#endif
