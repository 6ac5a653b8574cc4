/*
 * Runs a server in a container that has no network, and carries requests to it.
 *
 *   rie-host PORT PROGRAM [ARGUMENT…]
 *
 * What the program writes, to stdout or stderr, comes out of our stderr in the order in which it was written.
 * On stdin come requests, each with its length (four bytes, big-endian) before it. Each is sent over a
 * connection of its own to 127.0.0.1:PORT; what comes back until the connection's end goes to stdout in the
 * same form. The end of stdin ends the program.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, "rie-host: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* False at the end of the input. */
static int read_all(int fd, void *to, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t got = read(fd, (char *)to + done, length - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return 0;
    done += (size_t)got;
  }
  return 1;
}

/* False when the other side does not take it all, which it may have its reasons for. */
static int write_all(int fd, const void *from, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t put = write(fd, (const char *)from + done, length - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return 0;
    done += (size_t)put;
  }
  return 1;
}

/* The program takes a moment until it listens. */
static int dial(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int tries = 0; tries < 1000; tries++) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
  }
  fail("connect");
  return -1;
}

static void exchange(uint16_t port, const char *request, size_t length) {
  int fd = dial(port);
  write_all(fd, request, length);
  size_t size = 0, room = 1 << 16;
  char *answer = malloc(room);
  for (;;) {
    if (answer == NULL) fail("malloc");
    ssize_t got = read(fd, answer + size, room - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += (size_t)got;
    if (size == room) answer = realloc(answer, room *= 2);
  }
  close(fd);
  uint32_t head = htonl((uint32_t)size);
  if (!write_all(STDOUT_FILENO, &head, sizeof head) || !write_all(STDOUT_FILENO, answer, size)) exit(0);
  free(answer);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("rie-host: PORT PROGRAM [ARGUMENT…]\n", stderr);
    return 64;
  }
  signal(SIGPIPE, SIG_IGN);
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    signal(SIGPIPE, SIG_DFL);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    close(STDIN_FILENO);
    execv(argv[2], argv + 2);
    fail(argv[2]);
  }
  uint32_t head;
  while (read_all(STDIN_FILENO, &head, sizeof head)) {
    size_t length = ntohl(head);
    char *request = malloc(length + 1);
    if (request == NULL) fail("malloc");
    if (!read_all(STDIN_FILENO, request, length)) break;
    exchange((uint16_t)atoi(argv[1]), request, length);
    free(request);
  }
  kill(child, SIGKILL);
  return 0;
}
