/* As much of HTTP as a client needs that does not keep to it. */
#ifndef HTTP_H
#define HTTP_H

#include <stddef.h>

struct bytes {
  char *at;
  size_t length;
  size_t room;
};

void append(struct bytes *to, const void *from, size_t length);
void append_text(struct bytes *to, const char *text);

struct answer {
  /* 0: the connection ended without an answer; -1: none came in time. */
  int status;
  /* As they came, each with its line's end. */
  struct bytes headers;
  struct bytes body;
};

/* The value of a header, in a buffer that the next call uses again; NULL when it is not there. */
const char *header_of(const struct answer *answer, const char *name);

/* A connection to AWS_LAMBDA_RUNTIME_API. */
int dial(void);

/* As much as the other side takes. */
void send_bytes(int fd, const char *bytes, size_t length);

/* Reads one answer. Waits for at most `seconds` for each part of it, and for ever when that is 0. */
struct answer receive(int fd, int seconds);

#endif
