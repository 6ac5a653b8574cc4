/* PHP as a server: a SAPI whose requests are the events of Lambda. */
#ifndef LAYERSMITH_SERVER_H
#define LAYERSMITH_SERVER_H

#include <stdbool.h>

#include "response.h"
#include "runtime-api.h"
#include "slot.h"

struct settings {
	bool is_worker; /* The script handles requests in a loop of its own. */
	bool streamed;
	const char *ini; /* Settings of PHP that come after all others; NULL if there are none. */
	const char *script; /* The path of the script, whatever the request. */
	const char *document_root;
	const char *script_name; /* Its path below the document root, with a slash. */
	const char *event_handler; /* Of events that are not HTTP; NULL if there is none. */
	long max_requests;       /* Of a worker script, before it starts again; 0 for no limit. */
};

/* What the current process works on. */
struct server {
	const struct settings *settings;
	struct runtime_api *api;
	struct slot *slot;
	struct response *response;
	struct invocation invocation;
	struct http_request request;
	struct arena arena;
	bool waits_for_restore;
	bool is_forked; /* By the script: it has the invocation only in the process that forked. */
	bool has_request; /* Else a worker script starts. */
};

extern struct server server;

/* Starts PHP. Returns false if it cannot: the reasons are logged. */
bool server_start(const struct settings *settings);

/* Serves invocations until the process ends. With `waits_for_restore`, a snapshot is taken before the first. */
__attribute__((noreturn)) void server_run(struct runtime_api *api, struct slot *slot, bool waits_for_restore);

/* Waits for a request, and makes it the current one of `server` and of PHP's SAPI. Other events are answered here. */
void server_wait(void);

/* Ends the current request: what is left of its answer is sent. */
void server_end(void);

#endif
