/*
 * relay PORT PROGRAM [ARGUMENT...]
 *
 * Listens on 127.0.0.1:PORT, starts PROGRAM on each start frame, and carries every connection to the port over
 * stdin and stdout, as frames. A server outside can thus serve a container without a network. "In" and "out" are
 * from the relay's point of view.
 *
 *   u32 connection   big-endian; counts from 1, never reused; 0 in frames of type start and above
 *   u8  type         1 open   (out)   a connection was accepted
 *                    2 data   (both)  payload: the bytes
 *                    3 end    (both)  no more data in this direction; the other stays open
 *                    4 reset  (both)  the connection is gone, both directions, no answer expected
 *                    5 credit (both)  payload: u32, number of data bytes passed on; allows as many more
 *                    6 start  (in)    start PROGRAM, which must not be running
 *                    7 kill   (in)    kill PROGRAM and all its descendants; ignored if it is not running
 *                    8 exited (out)   payload: u8 how, u8 oom, u32 value; see below
 *                    9 memory (out)   payload: u64, peak memory use in bytes so far
 *                   10 log    (out)   payload: what PROGRAM wrote to its stdout and stderr
 *   u32 length       of the payload
 *
 * Each side may send at most WINDOW bytes of data per connection and direction before it receives credit. A slow
 * connection fills only its own window: frames never wait for each other, and memory use is bounded.
 *
 * PROGRAM gets /dev/null as stdin. Its stdout and stderr are one pipe, whose content is sent as log frames. The
 * relay empties the pipe between the read of a socket and its data frame, so output written before data is also
 * sent before it. A memory frame is sent in the same place if the peak has risen. Both are sent without a request,
 * which would cost a round trip per response.
 *
 * When PROGRAM ends, its descendants are killed and the remaining data of its connections is delivered, unless none
 * of it is accepted for DRAIN_MS. Then `exited` is sent. how 0: it exited with the status `value`; 1: it was killed
 * by the signal `value`; 2: it could not be started, and `value` is the errno. `oom`: the kernel killed a process of
 * the container for its memory limit meanwhile. After that the next `start` may be sent.
 *
 * The signals TERM, INT, HUP and QUIT are passed on to PROGRAM. They end the relay if PROGRAM is not running. When
 * stdin ends, everything is killed.
 *
 * src/lambda/relay-multiplexer.ts is the other side. Change the frames in both.
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
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"

enum { OPEN = 1, DATA, END, RESET, CREDIT, START, KILL, EXITED, MEMORY, LOG };
enum { BY_STATUS, BY_SIGNAL, NOT_STARTED };
enum {
  HEADER = 9,
  WINDOW = 64 * 1024,
  CHUNK = 32 * 1024,
  MAX_CONNECTIONS = 1024,
  /* Room that only RESET frames may use: at most one per live connection, and a reset cannot wait. */
  RESERVE = MAX_CONNECTIONS * HEADER,
  /* Maximum log output before a data frame: the default capacity of a pipe. */
  LOG_ROOM = 64 * 1024 + 3 * HEADER,
  /* Room for one round of a socket: its log, its memory frame and its data. */
  PULL_ROOM = LOG_ROOM + HEADER + 8 + CHUNK,
  OUT_MAX = 256 * 1024,
  DRAIN_MS = 5000,
  FIXED = 5, /* descriptors that are polled besides those of the connections */
};

struct connection {
  uint32_t id;
  int fd;                   /* -1: closed, removed at the end of the round */
  uint32_t credit;          /* bytes that may still be sent as DATA */
  uint32_t owed;            /* bytes passed on to the socket without CREDIT so far */
  unsigned char *buffer;    /* data that the socket has not accepted; freed when empty */
  size_t start, length;     /* the range of data in the buffer */
  int read_done;            /* the socket's end was read and END sent */
  int end_received, write_done;
  short revents;
};

static struct connection connections[MAX_CONNECTIONS];
static size_t connection_count, polled_count, rotation;
static uint32_t last_id;
static int listener = -1, accept_paused;
/* ENDING: PROGRAM has ended; its descendants are being killed and its data delivered. */
static enum { IDLE, RUNNING, ENDING } phase;
static pid_t child;
static int exec_result = -1;        /* read end of a pipe: an errno if PROGRAM could not be started */
static int end_how, end_value;
static long drain_deadline;
static int log_in = -1, log_out = -1;
static uint64_t oom_before;
static char **program;
static sigset_t program_mask;
static unsigned char out[OUT_MAX];
static size_t out_start, out_length;

/* Kills everything but the relay itself, if it is process 1 of a container. */
static void kill_all(void) {
  if (getpid() == 1) kill(-1, SIGKILL);
  else if (child > 0) kill(-child, SIGKILL);
}

/* Ends everything immediately. `why` is NULL for the regular end, the end of stdin. */
static _Noreturn void stop(const char *why) {
  if (why != NULL) fprintf(stderr, "relay: %s\n", why);
  kill_all();
  exit(128 + SIGKILL);
}

static int would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }

static void put_u32(unsigned char *to, uint32_t value) {
  value = htonl(value);
  memcpy(to, &value, sizeof value);
}

static void put_u64(unsigned char *to, uint64_t value) {
  put_u32(to, (uint32_t)(value >> 32));
  put_u32(to + 4, (uint32_t)value);
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

/* Returns whether there is room for a frame with that payload, besides the reserve. */
static int has_room(size_t payload) { return out_length + HEADER + payload + RESERVE <= OUT_MAX; }

/* Returns where the next frame starts. Moves the queue to the front so that the free room is contiguous. */
static unsigned char *out_tail(void) {
  if (out_start > 0) memmove(out, out + out_start, out_length);
  out_start = 0;
  return out + out_length;
}

/* Completes the frame at out_tail(), whose payload is already in place. */
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

/* Closes with an RST, so that the peer does not mistake it for a regular end. */
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

static void tell_memory(void) {
  static uint64_t told_peak;
  uint64_t peak = peak_memory();
  if (peak == told_peak || !has_room(8)) return;
  put_u64(out_tail() + HEADER, peak);
  emit(0, MEMORY, 8);
  told_peak = peak;
}

/* Moves data from the pipe to frames. Returns true when the pipe is empty. */
static int forward_logs(void) {
  size_t left = LOG_ROOM;
  while (left > HEADER && has_room(left)) {
    size_t most = left - HEADER < CHUNK ? left - HEADER : CHUNK;
    ssize_t n = read(log_in, out_tail() + HEADER, most);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 1;
    emit(0, LOG, (uint32_t)n);
    left -= HEADER + (size_t)n < left ? HEADER + (size_t)n : left;
  }
  return 0;
}

/* Moves the data of one read from the socket to frames, after the log output that preceded it. */
static void pull(struct connection *c) {
  static unsigned char data[CHUNK];
  size_t most = c->credit < CHUNK ? c->credit : CHUNK;
  ssize_t n = recv(c->fd, data, most, 0);
  if (n > 0) {
    forward_logs();
    tell_memory();
    c->credit -= (uint32_t)n;
    memcpy(out_tail() + HEADER, data, (size_t)n);
    emit(c->id, DATA, (uint32_t)n);
    drain_deadline = now_ms() + DRAIN_MS;
  } else if (n == 0) {
    c->read_done = 1;
    emit(c->id, END, 0);
  } else if (errno != EINTR && !would_block()) {
    reset(c);
  }
}

/* Writes the buffer to the socket. */
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

/* Delivers a piece of a DATA frame to the socket. The window limits the size of the buffer. */
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

/* Accepts connections. Returns true when none is left to accept. */
static int accept_connections(void) {
  while (connection_count < MAX_CONNECTIONS && has_room(0)) {
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (fd < 0 && would_block()) return 1;
    if (fd < 0) { /* out of descriptors or memory: wait for a connection to close */
      if (connection_count == 0) stop(strerror(errno));
      accept_paused = 1;
      return 0;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections[connection_count++] = (struct connection){.id = ++last_id, .fd = fd, .credit = WINDOW};
    emit(last_id, OPEN, 0);
  }
  return 0;
}

/* Starts PROGRAM. `exec_result` yields the errno of a failed `execv`, or only its end. */
static void start_program(void) {
  int result[2];
  if (phase != IDLE) stop("the program was to be started while it was running");
  if (pipe2(result, O_CLOEXEC) < 0) stop(strerror(errno));
  oom_before = oom_kills();
  fflush(NULL);
  child = fork();
  if (child < 0) stop(strerror(errno));
  if (child > 0) {
    setpgid(child, child); /* both sides set it, so that neither can be too early */
    close(result[1]);
    exec_result = result[0];
    phase = RUNNING;
    return;
  }
  setpgid(0, 0);
  int null = open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, STDIN_FILENO);
  else close(STDIN_FILENO);
  if (null > STDERR_FILENO) close(null);
  dup2(log_out, STDOUT_FILENO);
  dup2(log_out, STDERR_FILENO);
  signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &program_mask, NULL);
  execv(program[0], program);
  int reason = errno;
  _exit(write(result[1], &reason, sizeof reason) == sizeof reason ? 127 : 126);
}

static void program_ended(int status) {
  int reason;
  end_how = WIFSIGNALED(status) ? BY_SIGNAL : BY_STATUS;
  end_value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  if (read(exec_result, &reason, sizeof reason) == sizeof reason) {
    end_how = NOT_STARTED;
    end_value = reason;
  }
  close(exec_result);
  kill_all();
  child = 0;
  phase = ENDING;
  drain_deadline = now_ms() + DRAIN_MS;
}

/* After the program's end: sends EXITED once everything is gone and delivered, or after DRAIN_MS. */
static void finish_program(void) {
  int in_time = now_ms() < drain_deadline;
  pid_t pid;
  while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) continue;
  if (in_time && !(pid < 0 && accept_connections() && connection_count == 0 && forward_logs())) return;
  if (!has_room(8)) return;
  for (size_t i = 0; i < connection_count; i++) reset(&connections[i]);
  connection_count = 0;
  tell_memory();
  unsigned char *payload = out_tail() + HEADER;
  payload[0] = (unsigned char)end_how;
  payload[1] = oom_kills() > oom_before;
  put_u32(payload + 2, (uint32_t)end_value);
  emit(0, EXITED, 6);
  phase = IDLE;
}

/* Handles a complete frame other than DATA, for a connection that still exists. */
static void obey(struct connection *c, unsigned char type, uint32_t more) {
  if (type == RESET) abort_socket(c);
  if (type == CREDIT && more > WINDOW - c->credit) stop("more credit than the window");
  if (type == CREDIT) c->credit += more;
  if (type != END) return;
  c->end_received = 1;
  push(c);
}

/* Parses the frames in the bytes of one read of stdin. A frame may continue in the next read. */
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
    if (type < DATA || type > KILL) stop("a frame of unknown type");
    if (type == DATA ? payload > WINDOW : payload != (type == CREDIT ? 4 : 0)) stop("a frame of wrong length");
    if (type != DATA && have < HEADER + payload) continue;
    have = 0;
    struct connection *c = find(get_u32(head));
    if (type == START) start_program();
    else if (type == KILL) kill_all();
    else if (type == DATA) data_left = payload;
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

static void take_signals(int fd) {
  struct signalfd_siginfo info;
  while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    if (phase == IDLE) stop(NULL);
    if (child > 0) kill(-child, (int)info.ssi_signo);
  }
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) /* includes orphans if this is process 1 */
    if (pid == child) program_ended(status);
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
  if (!c->read_done && c->credit > 0 && has_room(PULL_ROOM)) events |= POLLIN;
  return events;
}

static void serve(struct connection *c) {
  if (c->revents & POLLOUT) push(c);
  if (c->fd >= 0 && c->revents & ~POLLOUT && wanted(c) & POLLIN) pull(c);
  else if (c->fd >= 0 && c->revents & POLLERR) reset(c);
  if (c->fd >= 0 && c->read_done && (c->write_done || phase == ENDING)) drop(c);
}

static void grant(struct connection *c) {
  if (c->owed < WINDOW / 2 || !has_room(4)) return;
  put_u32(out_tail() + HEADER, c->owed);
  emit(c->id, CREDIT, 4);
  c->owed = 0;
}

static void round_of_events(int signals, int timeout) {
  static struct pollfd polled[FIXED + MAX_CONNECTIONS];
  int accepting = !accept_paused && connection_count < MAX_CONNECTIONS && has_room(0);
  polled[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
  polled[1] = (struct pollfd){.fd = out_length > 0 ? STDOUT_FILENO : -1, .events = POLLOUT};
  polled[2] = (struct pollfd){.fd = signals, .events = POLLIN};
  polled[3] = (struct pollfd){.fd = accepting ? listener : -1, .events = POLLIN};
  polled[4] = (struct pollfd){.fd = has_room(LOG_ROOM) ? log_in : -1, .events = POLLIN};
  polled_count = connection_count;
  for (size_t i = 0; i < polled_count; i++) { /* do not poll without events, or a hang-up would spin */
    short events = wanted(&connections[i]);
    polled[FIXED + i] = (struct pollfd){.fd = events ? connections[i].fd : -1, .events = events};
  }
  if (poll(polled, FIXED + polled_count, timeout) < 0) {
    if (errno != EINTR) stop(strerror(errno));
    return;
  }
  if (polled[4].revents) forward_logs();
  if (polled[2].revents) take_signals(signals);
  if (polled[0].revents) read_frames();
  for (size_t i = 0; i < polled_count; i++) connections[i].revents = polled[FIXED + i].revents;
  for (size_t i = 0; i < polled_count; i++) { /* rotate the first one: they share the room in `out` */
    struct connection *c = &connections[(i + rotation) % polled_count];
    if (c->fd >= 0) serve(c);
  }
  rotation++;
  if (polled[3].revents) accept_connections();
  size_t kept = 0;
  for (size_t i = 0; i < connection_count; i++)
    if (connections[i].fd >= 0) connections[kept++] = connections[i];
  connection_count = kept;
  if (phase == ENDING) finish_program();
  flush_out(); /* first, as credit waits for room in `out`; POLLOUT then repeats this */
  for (size_t i = 0; i < connection_count; i++) grant(&connections[i]);
  flush_out();
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: relay PORT PROGRAM [ARGUMENT...]\n");
    return 64;
  }
  program = argv + 2;
  sigset_t handled;
  const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
  sigemptyset(&handled);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaddset(&handled, numbers[i]);
  sigprocmask(SIG_BLOCK, &handled, &program_mask);
  signal(SIGPIPE, SIG_IGN);
  int signals = signalfd(-1, &handled, SFD_NONBLOCK | SFD_CLOEXEC);
  int pipe_ends[2];
  if (signals < 0 || pipe2(pipe_ends, O_CLOEXEC) < 0) stop(strerror(errno));
  log_in = pipe_ends[0];
  log_out = pipe_ends[1]; /* stays open, so that the pipe outlives each program */
  prctl(PR_SET_DUMPABLE, 0);        /* keeps the program from opening our stdin and stdout in /proc/1/fd */
  prctl(PR_SET_CHILD_SUBREAPER, 1); /* adopt orphans even if this is not process 1 */
  listener = listen_on(argv[1]);
  const int unblocked[] = {STDIN_FILENO, STDOUT_FILENO, log_in};
  for (size_t i = 0; i < sizeof unblocked / sizeof *unblocked; i++)
    fcntl(unblocked[i], F_SETFL, fcntl(unblocked[i], F_GETFL) | O_NONBLOCK);

  for (;;) {
    long left = drain_deadline - now_ms();
    /* Without room for the last frame there is no deadline: wait until there is room. */
    round_of_events(signals, phase == ENDING && has_room(8) ? (int)(left < 0 ? 0 : left) : -1);
  }
}
