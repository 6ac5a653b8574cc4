/*
 * relay PORT PROGRAM [ARGUMENT...]
 *
 * Listens on 127.0.0.1:PORT, starts PROGRAM, and carries every connection that is made to the port over
 * stdin and stdout, as frames: so a server outside can serve a container that has no network.
 *
 *   u32 connection   big-endian; counts from 1, never used again
 *   u8  type         1 open   (out)   a connection was accepted
 *                    2 data   (both)  payload: the bytes
 *                    3 end    (both)  no more data in this direction; the other stays open
 *                    4 reset  (both)  the connection is gone, both directions, no answer expected
 *                    5 credit (both)  payload: u32, so many bytes of data were passed on: send as many more
 *   u32 length       of the payload
 *
 * Each side may have WINDOW bytes of data under way to the other, for each connection and direction, that
 * no credit has answered yet. So a slow connection fills its own window and nothing else: frames never
 * wait for one another, and memory is bounded.
 *
 * PROGRAM gets /dev/null as stdin; its stdout and stderr are the relay's stderr. Signals TERM, INT, HUP and
 * QUIT are passed on to it. When it ends, what its connections still hold is delivered (DRAIN_MS at
 * most), and the relay exits with its status, or 128 + the signal. When stdin ends there is nobody left
 * to serve: PROGRAM is killed.
 *
 * src/lambda/relay-multiplexer.ts is the other side; a change to the frames is a change to both.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1, DATA, END, RESET, CREDIT };
enum {
  HEADER = 9,
  WINDOW = 64 * 1024,
  CHUNK = 32 * 1024,
  MAX_CONNECTIONS = 1024,
  /* Room that only a RESET may use: each live connection needs one at most, and a reset cannot wait. */
  RESERVE = MAX_CONNECTIONS * HEADER,
  OUT_MAX = 256 * 1024,
  DRAIN_MS = 5000,
};

struct connection {
  uint32_t id;
  int fd;                   /* -1: gone, swept at the end of the round */
  uint32_t credit;          /* bytes that may still go out as DATA */
  uint32_t owed;            /* bytes passed on to the socket that no CREDIT has told yet */
  unsigned char *buffer;    /* for the socket, which did not take it yet; freed when empty */
  size_t start, length;     /* what the buffer holds */
  int read_done;            /* the socket's end was read and END sent */
  int end_received, write_done;
  short revents;
};

static struct connection connections[MAX_CONNECTIONS];
static size_t connection_count, polled_count, rotation;
static uint32_t last_id;
static int listener = -1, accept_paused;
static pid_t child;
static int child_status = -1;
static unsigned char out[OUT_MAX];
static size_t out_start, out_length;

/* Ends everything at once; with a reason unless it is the orderly way, the end of stdin. */
static _Noreturn void stop(const char *why) {
  if (why != NULL) fprintf(stderr, "relay: %s\n", why);
  if (child > 0 && child_status < 0) kill(-child, SIGKILL);
  exit(128 + SIGKILL);
}

static int would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }

static void put_u32(unsigned char *to, uint32_t value) {
  value = htonl(value);
  memcpy(to, &value, sizeof value);
}

static uint32_t get_u32(const unsigned char *from) {
  uint32_t value;
  memcpy(&value, from, sizeof value);
  return ntohl(value);
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Is there room for a frame with that payload, besides the reserve? */
static int has_room(size_t payload) { return out_length + HEADER + payload + RESERVE <= OUT_MAX; }

/* Where the next frame begins; the queue is moved to the front so that the room is in one piece. */
static unsigned char *out_tail(void) {
  if (out_start > 0) memmove(out, out + out_start, out_length);
  out_start = 0;
  return out + out_length;
}

/* Finishes the frame at out_tail(), whose payload is in place already. */
static void emit(uint32_t id, unsigned char type, uint32_t payload) {
  unsigned char *frame = out_tail();
  put_u32(frame, id);
  frame[4] = type;
  put_u32(frame + 5, payload);
  out_length += HEADER + payload;
}

static void flush_out(void) {
  while (out_length > 0) {
    ssize_t n = write(STDOUT_FILENO, out + out_start, out_length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && would_block()) return;
    if (n < 0) stop("stdout is gone");
    out_start += (size_t)n;
    out_length -= (size_t)n;
  }
  out_start = 0;
}

static void drop(struct connection *c) {
  close(c->fd);
  free(c->buffer);
  c->buffer = NULL;
  c->fd = -1;
  accept_paused = 0;
}

/* Closes with an RST, so that the peer does not take it for an orderly end. */
static void abort_socket(struct connection *c) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  drop(c);
}

static void reset(struct connection *c) {
  abort_socket(c);
  emit(c->id, RESET, 0);
}

static struct connection *find(uint32_t id) {
  for (size_t i = 0; i < connection_count; i++)
    if (connections[i].id == id && connections[i].fd >= 0) return &connections[i];
  return NULL;
}

/* Socket to frames: as much as one read gives. */
static void pull(struct connection *c) {
  size_t most = c->credit < CHUNK ? c->credit : CHUNK;
  ssize_t n = recv(c->fd, out_tail() + HEADER, most, 0);
  if (n > 0) {
    c->credit -= (uint32_t)n;
    emit(c->id, DATA, (uint32_t)n);
  } else if (n == 0) {
    c->read_done = 1;
    emit(c->id, END, 0);
  } else if (errno != EINTR && !would_block()) {
    reset(c);
  }
}

/* Buffer to socket. */
static void push(struct connection *c) {
  while (c->length > 0) {
    ssize_t n = send(c->fd, c->buffer + c->start, c->length, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && would_block()) return;
    if (n < 0) {
      reset(c);
      return;
    }
    c->start += (size_t)n;
    c->length -= (size_t)n;
    c->owed += (uint32_t)n;
  }
  free(c->buffer);
  c->buffer = NULL;
  c->start = 0;
  if (c->end_received && !c->write_done) {
    shutdown(c->fd, SHUT_WR);
    c->write_done = 1;
  }
}

/* A piece of a DATA frame for the socket. The window bounds what the buffer can be asked to hold. */
static void deliver(struct connection *c, const unsigned char *data, size_t length) {
  if (c->end_received || c->length + c->owed + length > WINDOW) stop("data beyond a connection's window or end");
  if (c->buffer == NULL && (c->buffer = malloc(WINDOW)) == NULL) stop("out of memory");
  if (c->start + c->length + length > WINDOW) {
    memmove(c->buffer, c->buffer + c->start, c->length);
    c->start = 0;
  }
  memcpy(c->buffer + c->start + c->length, data, length);
  c->length += length;
  push(c);
}

static void accept_connections(void) {
  while (connection_count < MAX_CONNECTIONS && has_room(0)) {
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (fd < 0 && would_block()) {
      if (child_status >= 0) {
        close(listener);
        listener = -1;
      }
      return;
    }
    if (fd < 0) { /* out of descriptors or memory: the next one that closes makes room */
      if (connection_count == 0) stop(strerror(errno));
      accept_paused = 1;
      return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections[connection_count++] = (struct connection){.id = ++last_id, .fd = fd, .credit = WINDOW};
    emit(last_id, OPEN, 0);
  }
}

/* A whole frame other than DATA, for a connection that was not reset while the frame was under way. */
static void obey(struct connection *c, unsigned char type, uint32_t more) {
  if (type == RESET) abort_socket(c);
  if (type == CREDIT && more > WINDOW - c->credit) stop("more credit than the window");
  if (type == CREDIT) c->credit += more;
  if (type != END) return;
  c->end_received = 1;
  push(c);
}

/* Takes the frames out of what one read of stdin gave; a frame may go on in the next. */
static void parse(const unsigned char *data, size_t length) {
  static unsigned char head[HEADER + 4];
  static size_t have;         /* bytes of the header, and of a payload that is not DATA */
  static uint32_t data_left;  /* bytes of a DATA payload still to come */

  while (length > 0) {
    if (data_left > 0) {
      size_t piece = length < data_left ? length : data_left;
      struct connection *c = find(get_u32(head));
      if (c != NULL) deliver(c, data, piece);
      data += piece;
      length -= piece;
      data_left -= (uint32_t)piece;
      continue;
    }
    head[have++] = *data++;
    length--;
    if (have < HEADER) continue;
    uint32_t payload = get_u32(head + 5);
    unsigned char type = head[4];
    if (type < DATA || type > CREDIT) stop("a frame of unknown type");
    if (type == DATA ? payload > WINDOW : payload != (type == CREDIT ? 4 : 0)) stop("a frame of wrong length");
    if (type != DATA && have < HEADER + payload) continue;
    have = 0;
    struct connection *c = find(get_u32(head));
    if (type == DATA) data_left = payload;
    else if (c != NULL) obey(c, type, get_u32(head + HEADER));
  }
}

static void read_frames(void) {
  static unsigned char in[WINDOW];
  ssize_t n = read(STDIN_FILENO, in, sizeof in);
  if (n > 0) parse(in, (size_t)n);
  if (n == 0) stop(NULL);
  if (n < 0 && errno != EINTR && !would_block()) stop("stdin is gone");
}

static void start_program(char **argv, const sigset_t *mask) {
  child = fork();
  if (child < 0) stop(strerror(errno));
  if (child > 0) {
    setpgid(child, child); /* both sides set it, so that neither can be too early */
    return;
  }
  setpgid(0, 0);
  int null = open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, STDIN_FILENO);
  else close(STDIN_FILENO);
  if (null > STDERR_FILENO) close(null);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execv(argv[0], argv);
  fprintf(stderr, "relay: cannot run %s: %s\n", argv[0], strerror(errno));
  _exit(errno == ENOENT ? 127 : 126);
}

static void take_signals(int fd) {
  struct signalfd_siginfo info;
  while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
    if (info.ssi_signo != SIGCHLD && child_status < 0) kill(-child, (int)info.ssi_signo);
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) /* as process 1 of a container: orphans as well */
    if (pid == child) child_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int listen_on(const char *port) {
  char *end;
  long number = strtol(port, &end, 10);
  if (*end != '\0' || number < 1 || number > 65535) stop("the port must be a number from 1 to 65535");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
      bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0)
    stop(strerror(errno));
  return fd;
}

static short wanted(const struct connection *c) {
  short events = c->length > 0 ? POLLOUT : 0;
  if (!c->read_done && c->credit > 0 && has_room(CHUNK)) events |= POLLIN;
  return events;
}

static void serve(struct connection *c) {
  if (c->revents & POLLOUT) push(c);
  if (c->fd >= 0 && c->revents & ~POLLOUT && wanted(c) & POLLIN) pull(c);
  else if (c->fd >= 0 && c->revents & POLLERR) reset(c);
  if (c->fd >= 0 && c->read_done && (c->write_done || child_status >= 0)) drop(c);
}

static void grant(struct connection *c) {
  if (c->owed < WINDOW / 2 || !has_room(4)) return;
  put_u32(out_tail() + HEADER, c->owed);
  emit(c->id, CREDIT, 4);
  c->owed = 0;
}

static void round_of_events(int signals, int timeout) {
  static struct pollfd polled[4 + MAX_CONNECTIONS];
  int accepting = listener >= 0 && !accept_paused && connection_count < MAX_CONNECTIONS && has_room(0);
  polled[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
  polled[1] = (struct pollfd){.fd = out_length > 0 ? STDOUT_FILENO : -1, .events = POLLOUT};
  polled[2] = (struct pollfd){.fd = signals, .events = POLLIN};
  polled[3] = (struct pollfd){.fd = accepting ? listener : -1, .events = POLLIN};
  polled_count = connection_count;
  for (size_t i = 0; i < polled_count; i++) { /* nothing wanted: not polled, or a hang-up would spin */
    short events = wanted(&connections[i]);
    polled[4 + i] = (struct pollfd){.fd = events ? connections[i].fd : -1, .events = events};
  }
  if (poll(polled, 4 + polled_count, timeout) < 0) {
    if (errno != EINTR) stop(strerror(errno));
    return;
  }
  if (polled[2].revents) take_signals(signals);
  if (polled[0].revents) read_frames();
  for (size_t i = 0; i < polled_count; i++) connections[i].revents = polled[4 + i].revents;
  for (size_t i = 0; i < polled_count; i++) { /* another one first each time: the room in `out` is shared */
    struct connection *c = &connections[(i + rotation) % polled_count];
    if (c->fd >= 0) serve(c);
  }
  rotation++;
  if (listener >= 0 && (polled[3].revents || child_status >= 0)) accept_connections();
  size_t kept = 0;
  for (size_t i = 0; i < connection_count; i++)
    if (connections[i].fd >= 0) connections[kept++] = connections[i];
  connection_count = kept;
  flush_out(); /* first: what keeps a credit back is a full `out`, and then POLLOUT brings us here again */
  for (size_t i = 0; i < connection_count; i++) grant(&connections[i]);
  flush_out();
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: relay PORT PROGRAM [ARGUMENT...]\n");
    return 64;
  }
  sigset_t handled, before;
  const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
  sigemptyset(&handled);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaddset(&handled, numbers[i]);
  sigprocmask(SIG_BLOCK, &handled, &before);
  signal(SIGPIPE, SIG_IGN);
  int signals = signalfd(-1, &handled, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signals < 0) stop(strerror(errno));
  listener = listen_on(argv[1]);
  start_program(argv + 2, &before);
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);

  long deadline = 0;
  for (;;) {
    int timeout = -1;
    if (child_status >= 0) {
      if (deadline == 0) deadline = now_ms() + DRAIN_MS;
      timeout = (int)(deadline - now_ms());
      if (timeout <= 0 || (listener < 0 && connection_count == 0 && out_length == 0)) return child_status;
    }
    round_of_events(signals, timeout);
  }
}
