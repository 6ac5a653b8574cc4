#define _GNU_SOURCE
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

void append(struct bytes *to, const void *from, size_t length) {
  if (to->length + length + 1 > to->room) {
    to->room = (to->length + length + 1) * 2;
    to->at = realloc(to->at, to->room);
    if (to->at == NULL) abort();
  }
  memcpy(to->at + to->length, from, length);
  to->length += length;
  to->at[to->length] = 0;
}

void append_text(struct bytes *to, const char *text) { append(to, text, strlen(text)); }

int dial(void) {
  const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
  char host[64];
  int port;
  if (api == NULL || sscanf(api, "%63[^:]:%d", host, &port) != 2) abort();
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) abort();
  // RIE may start a process a little before it listens again.
  for (int attempt = 0;; attempt++) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    if (fd < 0 || errno != ECONNREFUSED || attempt == 25) {
      perror("connect");
      exit(111);
    }
    close(fd);
    usleep(20000);
  }
}

void send_bytes(int fd, const char *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t put = send(fd, bytes + done, length - done, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    done += (size_t)put;
  }
}

const char *header_of(const struct answer *answer, const char *name) {
  static char value[65536];
  size_t length = strlen(name);
  for (const char *line = answer->headers.at; line != NULL && *line != 0;) {
    const char *end = strstr(line, "\r\n");
    if (end == NULL) break;
    if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
      const char *from = line + length + 1;
      while (*from == ' ') from++;
      snprintf(value, sizeof value, "%.*s", (int)(end - from), from);
      return value;
    }
    line = end + 2;
  }
  return NULL;
}

/* Reads more into `all`: 1, 0 at the end, -1 when nothing came in time. */
static int more(int fd, struct bytes *all) {
  char chunk[65536];
  ssize_t got = recv(fd, chunk, sizeof chunk, 0);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return -1;
  if (got <= 0) return 0;
  append(all, chunk, (size_t)got);
  return 1;
}

/* Of a body in chunks: what is in them. False while its end is not there. */
static int unchunk(const struct bytes *all, size_t at, struct bytes *body) {
  body->length = 0;
  while (at < all->length) {
    char *end = memmem(all->at + at, all->length - at, "\r\n", 2);
    if (end == NULL) return 0;
    size_t size = strtoul(all->at + at, NULL, 16);
    if (size == 0) return 1;
    at = (size_t)(end - all->at) + 2;
    if (at + size + 2 > all->length) return 0;
    append(body, all->at + at, size);
    at += size + 2;
  }
  return 0;
}

struct answer receive(int fd, int seconds) {
  struct answer answer = {0};
  struct bytes all = {0};
  struct timeval limit = {.tv_sec = seconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  append_text(&answer.headers, "");
  append_text(&answer.body, "");
  append_text(&all, "");
  char *end;
  int state = 1;
  while ((end = memmem(all.at, all.length, "\r\n\r\n", 4)) == NULL) {
    if ((state = more(fd, &all)) <= 0) {
      answer.status = state;
      free(all.at);
      return answer;
    }
  }
  sscanf(all.at, "HTTP/%*s %d", &answer.status);
  append(&answer.headers, all.at, (size_t)(end - all.at) + 2);
  size_t start = (size_t)(end - all.at) + 4;
  const char *length = header_of(&answer, "Content-Length");
  size_t wanted = length == NULL ? SIZE_MAX : strtoul(length, NULL, 10);
  const char *coding = header_of(&answer, "Transfer-Encoding");
  int chunked = coding != NULL && strcasecmp(coding, "chunked") == 0;
  for (;;) {
    if (chunked && unchunk(&all, start, &answer.body)) break;
    if (!chunked && all.length - start >= wanted) break;
    if ((state = more(fd, &all)) <= 0) break;
  }
  if (!chunked) append(&answer.body, all.at + start, all.length - start < wanted ? all.length - start : wanted);
  free(all.at);
  return answer;
}
