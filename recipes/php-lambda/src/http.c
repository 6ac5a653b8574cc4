#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memory.h"

#define FIRST_READ 16384
/* Events have at most 6 MB, and some headers. */
#define MAX_MESSAGE (64u << 20)
#define MAX_HEAD (1u << 20)
#define LARGE_BUFFER (1u << 20)
/* How long a peer may pause within a message. */
#define FURTHER_BYTES_MS 5000

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
	connection->length = connection->used = 0;
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

/* Waits for a further part of a message. */
static bool is_continued(struct connection *connection)
{
	struct pollfd wanted = { .fd = connection->socket, .events = POLLIN };
	int ready;
	do {
		ready = poll(&wanted, 1, FURTHER_BYTES_MS);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
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
	if (connection->length > 0 && !is_continued(connection)) {
		return false;
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

void connection_forget(struct connection *connection)
{
	if (connection->capacity > LARGE_BUFFER) {
		connection->capacity = FIRST_READ;
		connection->buffer = must(realloc(connection->buffer, connection->capacity));
		connection->length = connection->used = 0;
	}
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
	for (const char *line = message->headers; *line != '\0';) {
		size_t line_length = strlen(line);
		if (line_length > length && line[length] == ':' && strncasecmp(line, name, length) == 0) {
			line += length + 1;
			return line + strspn(line, " \t");
		}
		line += line_length + 2;
	}
	return "";
}

/* Returns the end of the line that begins at `from`, its \n. NULL at the end of the connection. */
static char *line_end(struct connection *connection, size_t from)
{
	char *end;
	while (connection->length <= from || (end = memchr(connection->buffer + from, '\n', connection->length - from)) == NULL) {
		if (connection->length > from + MAX_HEAD || !read_more(connection)) {
			return NULL;
		}
	}
	return end;
}

/* Reads to the empty line. Returns where it ends, 0 if it does not. */
static size_t skip_trailers(struct connection *connection, size_t from)
{
	for (size_t start = from; from - start < MAX_HEAD;) {
		char *end = line_end(connection, from);
		if (end == NULL) {
			return 0;
		}
		size_t next = (size_t)(end - connection->buffer) + 1;
		if (next - from <= 2) {
			return next;
		}
		from = next;
	}
	return 0;
}

static bool read_until(struct connection *connection, size_t length)
{
	while (connection->length < length) {
		if (!read_more(connection)) {
			return false;
		}
	}
	return true;
}

/* Joins the chunks of a body that begins at `at`, in place. */
static bool read_chunks(struct connection *connection, size_t at, size_t *length)
{
	size_t to = at, from = at;
	for (;;) {
		char *end = line_end(connection, from), *after;
		if (end == NULL || !isxdigit((unsigned char)connection->buffer[from])) {
			return false;
		}
		size_t size = strtoul(connection->buffer + from, &after, 16);
		if (size > MAX_MESSAGE || *after == '\0' || strchr(";\r\n \t", *after) == NULL) {
			return false;
		}
		from = (size_t)(end - connection->buffer) + 1;
		if (size == 0) {
			*length = to - at;
			connection->used = skip_trailers(connection, from);
			return connection->used > 0;
		}
		if (!read_until(connection, from + size + 2)) {
			return false;
		}
		memmove(connection->buffer + to, connection->buffer + from, size);
		to += size;
		from += size + 2;
	}
}

/* The body of an answer without a length is all that follows. */
static bool read_rest(struct connection *connection, size_t at, size_t *length)
{
	struct pollfd state = { .fd = connection->socket, .events = POLLIN };
	char byte;
	while (read_more(connection)) {
	}
	/* Was it the end of the connection? */
	if (poll(&state, 1, 0) <= 0 || recv(connection->socket, &byte, 1, MSG_PEEK) != 0) {
		return false;
	}
	*length = connection->length - at;
	connection->used = connection->length;
	return true;
}

/* Reads the head, whose lines become strings, each followed by \n; the last is empty. Returns its length, 0 if it is none. */
static size_t read_head(struct connection *connection)
{
	for (size_t at = 0; at <= MAX_HEAD;) {
		char *end = line_end(connection, at);
		if (end == NULL) {
			return 0;
		}
		char *line = connection->buffer + at;
		if (end == line || end[-1] != '\r') {
			return 0;
		}
		end[-1] = '\0';
		if (strlen(line) != (size_t)(end - 1 - line)) {
			return 0;
		}
		at = (size_t)(end - connection->buffer) + 1;
		if (*line == '\0') {
			return at;
		}
	}
	return 0;
}

/* Reads a body that begins at `head`. */
static bool read_body(struct connection *connection, struct message *message, size_t head)
{
	const char *text = message_header(message, "Content-Length");
	size_t digits = strspn(text, "0123456789");
	bool is_answer = strncmp(connection->buffer, "HTTP/", 5) == 0;
	int status = is_answer ? atoi(connection->buffer + strcspn(connection->buffer, " ")) : 0;
	message->body_length = 0;
	connection->used = head;
	if (is_answer && (status < 200 || status == 204 || status == 304)) {
		return true;
	}
	if (strcasecmp(message_header(message, "Transfer-Encoding"), "chunked") == 0) {
		return read_chunks(connection, head, &message->body_length);
	}
	if (*text == '\0') {
		if (!is_answer) {
			return true;
		}
		message->keeps_connection = false;
		return read_rest(connection, head, &message->body_length);
	}
	if (text[digits] != '\0' || digits == 0 || digits > 9 || strtoul(text, NULL, 10) > MAX_MESSAGE) {
		return false;
	}
	message->body_length = strtoul(text, NULL, 10);
	connection->used = head + message->body_length;
	return read_until(connection, connection->used);
}

bool connection_read(struct connection *connection, struct message *message, bool *fresh)
{
	/* What followed the last message. */
	connection->length -= connection->used;
	memmove(connection->buffer, connection->buffer + connection->used, connection->length);
	connection->used = 0;
	size_t head = read_head(connection);
	*fresh = connection->length == 0;
	if (head == 0) {
		return false;
	}
	size_t lines = strlen(connection->buffer) + 2;
	message->headers = connection->buffer + lines;
	message->keeps_connection = strcasecmp(message_header(message, "Connection"), "close") != 0;
	if (!read_body(connection, message, head)) {
		return false;
	}
	/* The buffer has moved. */
	message->start = connection->buffer;
	message->headers = connection->buffer + lines;
	message->body = connection->buffer + head;
	return true;
}
