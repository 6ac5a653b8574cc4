#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memory.h"

#define FIRST_READ 16384
/* Events have at most 6 MB, and some headers. */
#define MAX_MESSAGE (64u << 20)

void connection_open(struct connection *connection)
{
	*connection = (struct connection){ .socket = -1, .capacity = FIRST_READ };
	connection->buffer = must(malloc(connection->capacity));
}

void connection_close(struct connection *connection)
{
	if (connection->socket >= 0) {
		close(connection->socket);
		connection->socket = -1;
	}
	connection->length = 0;
}

void connection_free(struct connection *connection)
{
	free(connection->buffer);
	connection->buffer = NULL;
}

bool connection_send(struct connection *connection, struct iovec *parts, int count)
{
	while (count > 0) {
		struct msghdr message = { .msg_iov = parts, .msg_iovlen = (size_t)count };
		ssize_t sent = sendmsg(connection->socket, &message, MSG_NOSIGNAL);
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
static bool read_more(struct connection *connection)
{
	if (connection->length + 1 >= connection->capacity) {
		if (connection->capacity >= MAX_MESSAGE) {
			return false;
		}
		connection->capacity *= 2;
		connection->buffer = must(realloc(connection->buffer, connection->capacity));
	}
	ssize_t got;
	do {
		got = recv(connection->socket, connection->buffer + connection->length, connection->capacity - connection->length - 1, 0);
	} while (got < 0 && errno == EINTR);
	if (got <= 0) {
		return false;
	}
	connection->length += (size_t)got;
	return true;
}

bool is_connection_header(const char *name)
{
	static const char *const names[] = {
		"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcasecmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

const char *message_header(const struct message *message, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = message->headers; *line != '\0'; line += strlen(line) + 2) {
		if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
			line += length + 1;
			return line + strspn(line, " \t");
		}
	}
	return "";
}

/* Returns the end of the line that begins at `from`, its \n. NULL at the end of the connection. */
static char *line_end(struct connection *connection, size_t from)
{
	char *end;
	while (connection->length <= from || (end = memchr(connection->buffer + from, '\n', connection->length - from)) == NULL) {
		if (!read_more(connection)) {
			return NULL;
		}
	}
	return end;
}

/* Reads to the empty line. */
static bool skip_trailers(struct connection *connection, size_t from)
{
	for (;;) {
		char *end = line_end(connection, from);
		if (end == NULL) {
			return false;
		}
		size_t next = (size_t)(end - connection->buffer) + 1;
		if (next - from <= 2) {
			return true;
		}
		from = next;
	}
}

/* Joins the chunks of a body that begins at `at`, in place. */
static bool read_chunks(struct connection *connection, size_t at, size_t *length)
{
	size_t to = at, from = at;
	for (;;) {
		char *end = line_end(connection, from);
		if (end == NULL) {
			return false;
		}
		size_t size = strtoul(connection->buffer + from, NULL, 16);
		if (size > MAX_MESSAGE) {
			return false;
		}
		from = (size_t)(end - connection->buffer) + 1;
		if (size == 0) {
			*length = to - at;
			return skip_trailers(connection, from);
		}
		while (connection->length < from + size + 2) {
			if (!read_more(connection)) {
				return false;
			}
		}
		memmove(connection->buffer + to, connection->buffer + from, size);
		to += size;
		from += size + 2;
	}
}

bool connection_read(struct connection *connection, struct message *message, bool *fresh)
{
	char *end;
	connection->length = 0;
	*fresh = true;
	do {
		if (!read_more(connection)) {
			return false;
		}
		*fresh = false;
		connection->buffer[connection->length] = '\0';
	} while ((end = strstr(connection->buffer, "\r\n\r\n")) == NULL);
	size_t head = (size_t)(end - connection->buffer) + 4;
	/* The lines become strings, each followed by \n; the last is empty. The buffer moves while the body is read. */
	size_t lines = (size_t)(strstr(connection->buffer, "\r\n") - connection->buffer) + 2;
	for (char *at = connection->buffer + lines - 2;; at = strstr(at + 2, "\r\n")) {
		*at = '\0';
		if (at + 2 == connection->buffer + head) {
			break;
		}
	}
	message->headers = connection->buffer + lines;
	bool chunked = strcasecmp(message_header(message, "Transfer-Encoding"), "chunked") == 0;
	size_t body_length = strtoul(message_header(message, "Content-Length"), NULL, 10);
	message->keeps_connection = strcasecmp(message_header(message, "Connection"), "close") != 0;
	if (chunked) {
		if (!read_chunks(connection, head, &body_length)) {
			return false;
		}
	} else {
		if (body_length > MAX_MESSAGE) {
			return false;
		}
		while (connection->length < head + body_length) {
			if (!read_more(connection)) {
				return false;
			}
		}
	}
	message->start = connection->buffer;
	message->headers = connection->buffer + lines;
	message->body = connection->buffer + head;
	message->body_length = body_length;
	message->body[body_length] = '\0';
	return true;
}
