#include "runtime-api.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "log.h"
#include "memory.h"

#define BASE_PATH "/2018-06-01/runtime/"
#define FIRST_READ 16384
/* Events have at most 6 MB, and some headers. */
#define MAX_ANSWER (64u << 20)

struct runtime_api {
	char *host;
	char *port;
	int socket; /* -1 if there is none. */
	char *buffer;
	size_t length;
	size_t capacity;
};

/* An answer in the buffer. */
struct answer {
	int status;
	char *headers; /* Lines, each followed by "\0\n"; the last is empty. */
	char *body;
	size_t body_length;
	bool keeps_connection;
};

struct runtime_api *api_create(const char *address)
{
	struct runtime_api *api = must(calloc(1, sizeof *api));
	const char *colon = strrchr(address, ':');
	size_t host_length = colon == NULL ? strlen(address) : (size_t)(colon - address);
	api->host = must(strndup(address, host_length));
	api->port = must(strdup(colon == NULL ? "80" : colon + 1));
	api->socket = -1;
	api->capacity = FIRST_READ;
	api->buffer = must(malloc(api->capacity));
	return api;
}

static void disconnect(struct runtime_api *api)
{
	if (api->socket >= 0) {
		close(api->socket);
		api->socket = -1;
	}
	api->length = 0;
}

void api_reset(struct runtime_api *api)
{
	disconnect(api);
}

static bool connect_now(struct runtime_api *api)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	int reason = getaddrinfo(api->host, api->port, &hints, &found);
	if (reason != 0) {
		log_line("cannot find the Runtime API %s: %s", api->host, gai_strerror(reason));
		return false;
	}
	for (struct addrinfo *each = found; each != NULL && api->socket < 0; each = each->ai_next) {
		int fd = socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0) {
			continue;
		}
		if (connect(fd, each->ai_addr, each->ai_addrlen) == 0) {
			int on = 1;
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			api->socket = fd;
		} else {
			log_line("cannot connect to the Runtime API %s:%s: %s", api->host, api->port, strerror(errno));
			close(fd);
		}
	}
	freeaddrinfo(found);
	return api->socket >= 0;
}

/* Sends all parts. A broken connection is an error here, and no signal. */
static bool send_parts(struct runtime_api *api, struct iovec *parts, int count)
{
	while (count > 0) {
		struct msghdr message = { .msg_iov = parts, .msg_iovlen = (size_t)count };
		ssize_t sent = sendmsg(api->socket, &message, MSG_NOSIGNAL);
		if (sent < 0) {
			if (errno == EINTR) {
				continue;
			}
			return false;
		}
		for (size_t rest = (size_t)sent; count > 0 && (rest > 0 || parts->iov_len == 0);) {
			if (rest < parts->iov_len) {
				parts->iov_base = (char *)parts->iov_base + rest;
				parts->iov_len -= rest;
				break;
			}
			rest -= parts->iov_len;
			parts++;
			count--;
		}
	}
	return true;
}

/* Reads more into the buffer. Returns false at the end of the connection. */
static bool read_more(struct runtime_api *api)
{
	if (api->length + 1 >= api->capacity) {
		if (api->capacity >= MAX_ANSWER) {
			return false;
		}
		api->capacity *= 2;
		api->buffer = must(realloc(api->buffer, api->capacity));
	}
	ssize_t got;
	do {
		got = recv(api->socket, api->buffer + api->length, api->capacity - api->length - 1, 0);
	} while (got < 0 && errno == EINTR);
	if (got <= 0) {
		return false;
	}
	api->length += (size_t)got;
	return true;
}

/* Returns the value of a header in an answer, or "". */
static const char *header(const struct answer *answer, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = answer->headers; *line != '\0'; line += strlen(line) + 2) {
		if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
			line += length + 1;
			return line + strspn(line, " \t");
		}
	}
	return "";
}

/* Joins the chunks of a body that begins at `at`, in place. */
static bool read_chunks(struct runtime_api *api, size_t at, size_t *length)
{
	size_t to = at, from = at;
	for (;;) {
		char *end;
		while (api->length <= from || (end = memchr(api->buffer + from, '\n', api->length - from)) == NULL) {
			if (!read_more(api)) {
				return false;
			}
		}
		size_t size = strtoul(api->buffer + from, NULL, 16);
		if (size > MAX_ANSWER) {
			return false;
		}
		from = (size_t)(end - api->buffer) + 1;
		while (api->length < from + size + 2) {
			if (!read_more(api)) {
				return false;
			}
		}
		if (size == 0) {
			*length = to - at;
			return true;
		}
		memmove(api->buffer + to, api->buffer + from, size);
		to += size;
		from += size + 2;
	}
}

/* Reads an answer. `fresh` says that nothing came: the connection may have been closed before the request. */
static bool read_answer(struct runtime_api *api, struct answer *answer, bool *fresh)
{
	char *end;
	api->length = 0;
	*fresh = true;
	do {
		if (!read_more(api)) {
			return false;
		}
		*fresh = false;
		api->buffer[api->length] = '\0';
	} while ((end = strstr(api->buffer, "\r\n\r\n")) == NULL);
	size_t head = (size_t)(end - api->buffer) + 4;
	if (sscanf(api->buffer, "HTTP/1.%*d %d", &answer->status) != 1) {
		return false;
	}
	/* The lines become strings, each followed by \n; the last is empty. The buffer moves while the body is read. */
	size_t lines = (size_t)(strstr(api->buffer, "\r\n") - api->buffer) + 2;
	for (char *at = api->buffer + lines - 2;; at = strstr(at + 2, "\r\n")) {
		*at = '\0';
		if (at + 2 == api->buffer + head) {
			break;
		}
	}
	answer->headers = api->buffer + lines;
	bool chunked = strcasecmp(header(answer, "Transfer-Encoding"), "chunked") == 0;
	size_t body_length = strtoul(header(answer, "Content-Length"), NULL, 10);
	answer->keeps_connection = strcasecmp(header(answer, "Connection"), "close") != 0;
	if (chunked) {
		if (!read_chunks(api, head, &body_length)) {
			return false;
		}
	} else {
		if (body_length > MAX_ANSWER) {
			return false;
		}
		while (api->length < head + body_length) {
			if (!read_more(api)) {
				return false;
			}
		}
	}
	answer->headers = api->buffer + lines;
	answer->body = api->buffer + head;
	answer->body_length = body_length;
	return true;
}

/* Sends a request whose parts are `head` and `body`, and reads the answer. Tries once more on a connection that was stale. */
static bool call(struct runtime_api *api, const char *head, const char *body, size_t length, struct answer *answer)
{
	for (int attempt = 0;; attempt++) {
		bool was_open = api->socket >= 0;
		if (!was_open && !connect_now(api)) {
			return false;
		}
		struct iovec parts[] = {
			{ .iov_base = (char *)head, .iov_len = strlen(head) },
			{ .iov_base = (char *)body, .iov_len = length },
		};
		bool fresh = true;
		if (send_parts(api, parts, length > 0 ? 2 : 1) && read_answer(api, answer, &fresh)) {
			if (!answer->keeps_connection) {
				close(api->socket);
				api->socket = -1;
			}
			return true;
		}
		disconnect(api);
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
		log_line("the Runtime API refused %s with %d: %.500s", path, answer->status, answer->body);
		return false;
	}
	return true;
}

bool api_next(struct runtime_api *api, struct invocation *invocation)
{
	struct answer answer;
	if (!get(api, "invocation/next", &answer)) {
		return false;
	}
	*invocation = (struct invocation){
		.id = header(&answer, "Lambda-Runtime-Aws-Request-Id"),
		.function_arn = header(&answer, "Lambda-Runtime-Invoked-Function-Arn"),
		.trace_id = header(&answer, "Lambda-Runtime-Trace-Id"),
		.client_context = header(&answer, "Lambda-Runtime-Client-Context"),
		.identity = header(&answer, "Lambda-Runtime-Cognito-Identity"),
		.tenant_id = header(&answer, "Lambda-Runtime-Aws-Tenant-Id"),
		.deadline_ms = strtoll(header(&answer, "Lambda-Runtime-Deadline-Ms"), NULL, 10),
		.event = answer.body,
		.event_length = answer.body_length,
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
		log_line("the Runtime API refused %s with %d: %.500s", path, answer->status, answer->body);
	}
	return answer->status;
}

/* The answer to a POST goes into a buffer of its own: the event is still in use. */
static struct runtime_api for_post(struct runtime_api *api, char *buffer, size_t capacity)
{
	struct runtime_api other = *api;
	other.buffer = buffer;
	other.capacity = capacity;
	other.length = 0;
	return other;
}

int api_post(struct runtime_api *api, const char *path, const char *headers, const char *body, size_t length)
{
	struct runtime_api other = for_post(api, must(malloc(FIRST_READ)), FIRST_READ);
	struct answer answer;
	char *lines;
	if (asprintf(&lines, "%sContent-Length: %zu\r\n", headers, length) < 0) {
		out_of_memory();
	}
	char *head = request_head(api, "POST", path, lines);
	bool answered = call(&other, head, body, length, &answer);
	int status = status_of(path, answered, &answer);
	api->socket = other.socket;
	free(other.buffer);
	free(head);
	free(lines);
	return status;
}

bool api_begin(struct runtime_api *api, const char *path, const char *headers)
{
	if (api->socket < 0 && !connect_now(api)) {
		return false;
	}
	char *lines;
	if (asprintf(&lines, "%sTransfer-Encoding: chunked\r\n", headers) < 0) {
		out_of_memory();
	}
	char *head = request_head(api, "POST", path, lines);
	struct iovec part = { .iov_base = head, .iov_len = strlen(head) };
	bool sent = send_parts(api, &part, 1);
	free(head);
	free(lines);
	if (!sent) {
		disconnect(api);
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
	if (api->socket < 0 || !send_parts(api, parts, 3)) {
		disconnect(api);
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
	struct runtime_api other = for_post(api, must(malloc(FIRST_READ)), FIRST_READ);
	struct answer answer;
	bool fresh;
	bool answered = other.socket >= 0 && send_parts(&other, parts, 3) && read_answer(&other, &answer, &fresh);
	int status = status_of("a streamed response", answered, &answer);
	if (!answered || !answer.keeps_connection) {
		disconnect(&other);
	}
	api->socket = other.socket;
	free(other.buffer);
	return status;
}
