/* HTTP requests in events: API Gateway (REST and HTTP API), function URLs, load balancers. */
#ifndef LAYERSMITH_EVENT_H
#define LAYERSMITH_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "memory.h"

/* How the event was written, which is how its answer has to be. */
enum event_format {
	EVENT_OTHER,      /* Not an HTTP request. */
	EVENT_V1,         /* API Gateway REST, and HTTP API with format 1.0 */
	EVENT_V2,         /* API Gateway HTTP API with format 2.0, and function URLs */
	EVENT_ALB,        /* Application Load Balancer */
	EVENT_ALB_MULTI,  /* The same with multi-value headers, which answers must then have */
};

struct http_header {
	const char *name; /* Lower case: letters, digits and dashes. */
	const char *value;
};

/* A request as HTTP would have it. Texts that are not there are "". */
struct http_request {
	enum event_format format;
	const char *method;
	const char *uri;   /* Path and query, encoded. */
	const char *path;  /* Encoded. */
	const char *query; /* Encoded, without the question mark. */
	const char *protocol;
	const char *host; /* With the port, if there is one. */
	const char *port; /* Where the client connected to. */
	bool https;
	const char *source_ip;
	const char *cookies;
	const char *content_type;
	const char *context; /* requestContext as JSON. */
	const struct http_header *headers;
	size_t header_count;
	const char *body;
	size_t body_length;
};

/*
 * Reads an event. Returns NULL, or an explanation if it is not JSON or not what its format says. An event that is JSON, but not an HTTP
 * request, has the format EVENT_OTHER.
 */
const char *event_read(struct arena *arena, const char *event, size_t length, struct http_request *request);

/* Returns the value of a header by its name in lower case, or "". */
const char *request_header(const struct http_request *request, const char *name);

#endif
