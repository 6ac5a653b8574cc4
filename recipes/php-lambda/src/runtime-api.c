#include "runtime-api.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yyjson.h>

#include "http.h"
#include "log.h"
#include "memory.h"

#define BASE_PATH "/2018-06-01/runtime/"
/* How often, and how fast, what went wrong is tried again. */
#define CONNECT_ATTEMPTS 20
#define CONNECT_PAUSE_US 100000
#define FAST_FAILURES 100
#define FAILURE_PAUSE_US 1000
#define MAX_REFUSALS 10

struct runtime_api {
	char *host;
	char *port;
	char *common_headers; /* The end of the first line, and the headers of all requests. */
	struct connection connection;
};

enum outcome {
	ANSWERED, /* With whatever status. */
	LOST,
	UNREACHABLE,
};

/* An answer of the Runtime API. */
struct answer {
	int status;
	struct message message;
};

static void add_text(yyjson_mut_doc *document, const char *name, const char *value)
{
	if (*value != '\0') {
		yyjson_mut_obj_add_str(document, yyjson_mut_doc_get_root(document), name, value);
	}
}

/* Adds what a header has as JSON. */
static void add_json(yyjson_mut_doc *document, const char *name, const char *json)
{
	yyjson_doc *value = yyjson_read(json, strlen(json), YYJSON_READ_NUMBER_AS_RAW);
	if (value != NULL) {
		yyjson_mut_val *copy = yyjson_val_mut_copy(document, yyjson_doc_get_root(value));
		yyjson_mut_obj_add_val(document, yyjson_mut_doc_get_root(document), name, copy);
		yyjson_doc_free(value);
	}
}

const char *invocation_json(struct arena *arena, const struct invocation *invocation)
{
	yyjson_mut_doc *document = must(yyjson_mut_doc_new(NULL));
	size_t length;
	yyjson_mut_doc_set_root(document, yyjson_mut_obj(document));
	add_text(document, "awsRequestId", invocation->id);
	add_text(document, "invokedFunctionArn", invocation->function_arn);
	yyjson_mut_obj_add_sint(document, yyjson_mut_doc_get_root(document), "deadlineMs", invocation->deadline_ms);
	add_text(document, "traceId", invocation->trace_id);
	add_text(document, "tenantId", invocation->tenant_id);
	add_json(document, "clientContext", invocation->client_context);
	add_json(document, "identity", invocation->identity);
	char *json = must(yyjson_mut_write(document, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &length));
	const char *text = arena_text(arena, json, length);
	free(json);
	yyjson_mut_doc_free(document);
	return text;
}

struct runtime_api *api_create(const char *address)
{
	struct runtime_api *api = must(calloc(1, sizeof *api));
	const char *colon = strrchr(address, ':');
	size_t host_length = colon == NULL ? strlen(address) : (size_t)(colon - address);
	api->host = must(strndup(address, host_length));
	api->port = must(strdup(colon == NULL ? "80" : colon + 1));
	if (asprintf(&api->common_headers, " HTTP/1.1\r\nHost: %s\r\nUser-Agent: layersmith-php/" PHP_VERSION_TEXT "\r\n", address) < 0) {
		out_of_memory();
	}
	connection_open(&api->connection);
	return api;
}

void api_reset(struct runtime_api *api)
{
	connection_close(&api->connection);
}

/* Connects. Returns NULL, or why it cannot. */
static const char *connect_now(struct runtime_api *api)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	int reason = getaddrinfo(api->host, api->port, &hints, &found);
	const char *problem = "it has no address";
	if (reason != 0) {
		return gai_strerror(reason);
	}
	for (struct addrinfo *each = found; each != NULL && api->connection.socket < 0; each = each->ai_next) {
		int fd = socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, each->ai_addr, each->ai_addrlen) == 0) {
			int on = 1;
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			api->connection.socket = fd;
			problem = NULL;
			continue;
		}
		problem = strerror(errno);
		if (fd >= 0) {
			close(fd);
		}
	}
	freeaddrinfo(found);
	return problem;
}

/* Connects if there is no connection: tries for two seconds. */
static bool connect_patiently(struct runtime_api *api)
{
	const char *problem = NULL;
	for (int attempt = 0; api->connection.socket < 0 && attempt <= CONNECT_ATTEMPTS; attempt++) {
		if (attempt > 0) {
			usleep(CONNECT_PAUSE_US);
		}
		problem = connect_now(api);
	}
	if (problem != NULL) {
		log_line("no connection to the Runtime API at %s:%s: %s", api->host, api->port, problem);
	}
	return problem == NULL;
}

static bool read_answer(struct runtime_api *api, struct answer *answer, bool *fresh)
{
	struct connection *connection = &api->connection;
	struct message *message = &answer->message;
	do {
		if (!connection_read(connection, message, fresh) || strncmp(message->start, "HTTP/1.", 7) != 0) {
			return false;
		}
		const char *status = message->start + strcspn(message->start, " ");
		answer->status = *status == ' ' && strspn(status + 1, "0123456789") == 3 ? atoi(status) : 0;
		if (answer->status < 100 || answer->status > 599) {
			return false;
		}
	} while (answer->status < 200);
	/* What follows an answer would be taken for the next one. */
	if (!message->keeps_connection || connection->length > connection->used) {
		connection_close(connection);
	}
	message->body[message->body_length] = '\0';
	return true;
}

/* A request: `headers` are whole lines. */
struct request {
	const char *method;
	const char *path; /* What comes after BASE_PATH. */
	const char *headers;
	char framing[48]; /* The header that tells the length of the body, and the end of the head. */
	const char *body;
	size_t length;
};

static struct iovec part(const char *text)
{
	return (struct iovec){ .iov_base = (char *)text, .iov_len = strlen(text) };
}

static bool send_request(struct runtime_api *api, const struct request *request)
{
	struct iovec parts[] = {
		part(request->method), part(" " BASE_PATH), part(request->path), part(api->common_headers), part(request->headers), part(request->framing),
		{ .iov_base = (char *)request->body, .iov_len = request->length },
	};
	return connection_send(&api->connection, parts, request->length > 0 ? 7 : 6);
}

/* Sends a request, and reads the answer. Tries once more on a connection that was stale. */
static enum outcome call(struct runtime_api *api, const struct request *request, struct answer *answer)
{
	for (int attempt = 0;; attempt++) {
		bool was_open = api->connection.socket >= 0;
		if (!was_open && !connect_patiently(api)) {
			return UNREACHABLE;
		}
		bool fresh = true;
		if (send_request(api, request) && read_answer(api, answer, &fresh)) {
			return ANSWERED;
		}
		connection_close(&api->connection);
		if (!was_open || !fresh || attempt > 0) {
			return LOST;
		}
	}
}

static enum outcome get(struct runtime_api *api, const char *path, struct answer *answer)
{
	struct request request = { .method = "GET", .path = path, .headers = "", .framing = "\r\n" };
	enum outcome outcome = call(api, &request, answer);
	if (outcome == LOST) {
		log_line("%s: the connection to the Runtime API was lost", path);
	}
	return outcome;
}

static bool is_valid_id(const char *id)
{
	static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	size_t length = strspn(id, characters);
	return length > 0 && length < MAX_REQUEST_ID && id[length] == '\0';
}

/* Makes an invocation of an answer. Returns false if it has none. */
static bool read_invocation(const struct answer *answer, struct invocation *invocation)
{
	const struct message *message = &answer->message;
	*invocation = (struct invocation){
		.id = message_header(message, "Lambda-Runtime-Aws-Request-Id"),
		.function_arn = message_header(message, "Lambda-Runtime-Invoked-Function-Arn"),
		.trace_id = message_header(message, "Lambda-Runtime-Trace-Id"),
		.client_context = message_header(message, "Lambda-Runtime-Client-Context"),
		.identity = message_header(message, "Lambda-Runtime-Cognito-Identity"),
		.tenant_id = message_header(message, "Lambda-Runtime-Aws-Tenant-Id"),
		.deadline_ms = strtoll(message_header(message, "Lambda-Runtime-Deadline-Ms"), NULL, 10),
		.event = message->body,
		.event_length = message->body_length,
	};
	return answer->status == 200 && is_valid_id(invocation->id);
}

bool api_next(struct runtime_api *api, struct invocation *invocation)
{
	struct answer answer;
	for (int failed = 0, refused = 0;;) {
		enum outcome outcome = get(api, "invocation/next", &answer);
		if (outcome == UNREACHABLE) {
			return false;
		}
		if (outcome == LOST) {
			if (++failed > FAST_FAILURES) {
				usleep(FAILURE_PAUSE_US);
			}
			continue;
		}
		if (read_invocation(&answer, invocation)) {
			return true;
		}
		log_line("the Runtime API answered %d instead of an event: %.500s", answer.status, answer.message.body);
		if (answer.status >= 500 || (answer.status >= 400 && ++refused > MAX_REFUSALS)) {
			return false;
		}
	}
}

void api_forget_event(struct runtime_api *api)
{
	connection_forget(&api->connection);
}

bool api_restore_next(struct runtime_api *api)
{
	struct answer answer;
	if (get(api, "restore/next", &answer) != ANSWERED) {
		return false;
	}
	if (answer.status >= 300) {
		log_line("the Runtime API refused restore/next with %d: %.500s", answer.status, answer.message.body);
	}
	return answer.status < 300;
}

static int status_of(const char *path, bool answered, const struct answer *answer)
{
	if (!answered) {
		log_line("%s: the connection to the Runtime API was lost", path);
		return 0;
	}
	if (answer->status >= 300) {
		log_line("the Runtime API refused %s with %d: %.500s", path, answer->status, answer->message.body);
	}
	return answer->status;
}

/*
 * The answer to a POST goes into a buffer of its own: the event is still in use. Puts the connection into `other`, with such a
 * buffer; take_back() returns it.
 */
static void lend(struct runtime_api *api, struct runtime_api *other)
{
	*other = *api;
	connection_open(&other->connection);
	other->connection.socket = api->connection.socket;
}

static void take_back(struct runtime_api *api, struct runtime_api *other)
{
	api->connection.socket = other->connection.socket;
	connection_free(&other->connection);
}

int api_post(struct runtime_api *api, const char *path, const char *headers, const char *body, size_t length)
{
	struct runtime_api other;
	struct answer answer;
	struct request request = { .method = "POST", .path = path, .headers = headers, .body = body, .length = length };
	lend(api, &other);
	snprintf(request.framing, sizeof request.framing, "Content-Length: %zu\r\n\r\n", length);
	bool answered = call(&other, &request, &answer) == ANSWERED;
	int status = status_of(path, answered, &answer);
	take_back(api, &other);
	return status;
}

bool api_begin(struct runtime_api *api, const char *path, const char *headers)
{
	struct request request = { .method = "POST", .path = path, .headers = headers, .framing = "Transfer-Encoding: chunked\r\n\r\n" };
	if (!connect_patiently(api)) {
		return false;
	}
	bool sent = send_request(api, &request);
	if (!sent) {
		connection_close(&api->connection);
	}
	return sent;
}

bool api_chunk(struct runtime_api *api, const char *bytes, size_t length)
{
	if (length == 0) {
		return true;
	}
	char size[24];
	int digits = snprintf(size, sizeof size, "%zx\r\n", length);
	struct iovec parts[] = {
		{ .iov_base = size, .iov_len = (size_t)digits },
		{ .iov_base = (char *)bytes, .iov_len = length },
		{ .iov_base = (char *)"\r\n", .iov_len = 2 },
	};
	if (api->connection.socket < 0 || !connection_send(&api->connection, parts, 3)) {
		connection_close(&api->connection);
		return false;
	}
	return true;
}

int api_end(struct runtime_api *api, const char *trailers)
{
	struct iovec parts[] = {
		{ .iov_base = (char *)"0\r\n", .iov_len = 3 },
		{ .iov_base = (char *)trailers, .iov_len = strlen(trailers) },
		{ .iov_base = (char *)"\r\n", .iov_len = 2 },
	};
	struct runtime_api other;
	struct answer answer;
	bool fresh;
	lend(api, &other);
	bool answered = other.connection.socket >= 0 && connection_send(&other.connection, parts, 3) && read_answer(&other, &answer, &fresh);
	int status = status_of("a streamed response", answered, &answer);
	if (!answered) {
		connection_close(&other.connection);
	}
	take_back(api, &other);
	return status;
}
