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

struct runtime_api {
	char *host;
	char *port;
	struct connection connection;
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
	connection_open(&api->connection);
	return api;
}

void api_reset(struct runtime_api *api)
{
	connection_close(&api->connection);
}

static bool connect_now(struct runtime_api *api)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	int reason = getaddrinfo(api->host, api->port, &hints, &found);
	if (reason != 0) {
		log_line("cannot find the Runtime API %s: %s", api->host, gai_strerror(reason));
		return false;
	}
	for (struct addrinfo *each = found; each != NULL && api->connection.socket < 0; each = each->ai_next) {
		int fd = socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0) {
			continue;
		}
		if (connect(fd, each->ai_addr, each->ai_addrlen) == 0) {
			int on = 1;
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			api->connection.socket = fd;
		} else {
			log_line("cannot connect to the Runtime API %s:%s: %s", api->host, api->port, strerror(errno));
			close(fd);
		}
	}
	freeaddrinfo(found);
	return api->connection.socket >= 0;
}

static bool read_answer(struct runtime_api *api, struct answer *answer, bool *fresh)
{
	if (!connection_read(&api->connection, &answer->message, fresh) || strncmp(answer->message.start, "HTTP/1.", 7) != 0) {
		return false;
	}
	answer->status = atoi(answer->message.start + strcspn(answer->message.start, " "));
	if (answer->status == 0) {
		return false;
	}
	if (!answer->message.keeps_connection) {
		connection_close(&api->connection);
	}
	return true;
}

/* Sends a request whose parts are `head` and `body`, and reads the answer. Tries once more on a connection that was stale. */
static bool call(struct runtime_api *api, const char *head, const char *body, size_t length, struct answer *answer)
{
	for (int attempt = 0;; attempt++) {
		bool was_open = api->connection.socket >= 0;
		if (!was_open && !connect_now(api)) {
			return false;
		}
		struct iovec parts[] = {
			{ .iov_base = (char *)head, .iov_len = strlen(head) },
			{ .iov_base = (char *)body, .iov_len = length },
		};
		bool fresh = true;
		if (connection_send(&api->connection, parts, length > 0 ? 2 : 1) && read_answer(api, answer, &fresh)) {
			return true;
		}
		connection_close(&api->connection);
		if (!was_open || !fresh || attempt > 0) {
			return false;
		}
	}
}

static char *request_head(struct runtime_api *api, const char *method, const char *path, const char *headers)
{
	char *head;
	const char *agent = "layersmith-php/" PHP_VERSION_TEXT;
	if (asprintf(&head, "%s " BASE_PATH "%s HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: %s\r\n%s\r\n", method, path, api->host, api->port,
		    agent, headers) < 0) {
		out_of_memory();
	}
	return head;
}

static bool get(struct runtime_api *api, const char *path, struct answer *answer)
{
	char *head = request_head(api, "GET", path, "");
	bool done = call(api, head, "", 0, answer);
	free(head);
	if (!done) {
		log_line("the Runtime API ended the connection at %s", path);
		return false;
	}
	if (answer->status >= 300) {
		log_line("the Runtime API refused %s with %d: %.500s", path, answer->status, answer->message.body);
		return false;
	}
	return true;
}

bool api_next(struct runtime_api *api, struct invocation *invocation)
{
	struct answer answer;
	const struct message *message = &answer.message;
	if (!get(api, "invocation/next", &answer)) {
		return false;
	}
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
	if (invocation->id[0] == '\0' || strpbrk(invocation->id, "/?# ") != NULL) {
		log_line("the Runtime API gave an invocation without a valid request id");
		return false;
	}
	return true;
}

bool api_restore_next(struct runtime_api *api)
{
	struct answer answer;
	return get(api, "restore/next", &answer);
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
	char *lines;
	lend(api, &other);
	if (asprintf(&lines, "%sContent-Length: %zu\r\n", headers, length) < 0) {
		out_of_memory();
	}
	char *head = request_head(api, "POST", path, lines);
	bool answered = call(&other, head, body, length, &answer);
	int status = status_of(path, answered, &answer);
	take_back(api, &other);
	free(head);
	free(lines);
	return status;
}

bool api_begin(struct runtime_api *api, const char *path, const char *headers)
{
	if (api->connection.socket < 0 && !connect_now(api)) {
		return false;
	}
	char *lines;
	if (asprintf(&lines, "%sTransfer-Encoding: chunked\r\n", headers) < 0) {
		out_of_memory();
	}
	char *head = request_head(api, "POST", path, lines);
	struct iovec part = { .iov_base = head, .iov_len = strlen(head) };
	bool sent = connection_send(&api->connection, &part, 1);
	free(head);
	free(lines);
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
