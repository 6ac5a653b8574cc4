/* Messages of HTTP/1.1 on a connection. */
#ifndef LAYERSMITH_HTTP_H
#define LAYERSMITH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct connection {
	int socket; /* -1 if there is none. */
	char *buffer;
	size_t length;
	size_t used; /* By the message that was read. What follows it is the next message's. */
	size_t capacity;
};

/* A message in the buffer of its connection, where it lives until the next is read. */
struct message {
	char *start;   /* The first line. */
	char *headers; /* Lines, each followed by "\0\n"; the last is empty. */
	char *body;
	size_t body_length;
	bool keeps_connection;
};

void connection_open(struct connection *connection);
void connection_close(struct connection *connection);
void connection_free(struct connection *connection);

/* Frees the memory of a message, if it is large. */
void connection_forget(struct connection *connection);

/* Sends all parts, which it changes. A broken connection is false here, and no signal. */
bool connection_send(struct connection *connection, struct iovec *parts, int count);

/*
 * Reads a message: waits for its first byte without limit, and some seconds for each further one. Returns false at the end of the
 * connection, and for what is not HTTP. `fresh` tells whether nothing came of it.
 */
bool connection_read(struct connection *connection, struct message *message, bool *fresh);

/* Is it a header of one connection, which says nothing about the message (RFC 9110, 7.6.1)? Case does not matter. */
bool is_connection_header(const char *name);

/* Returns the value of a header, or "". */
const char *message_header(const struct message *message, const char *name);

#endif
