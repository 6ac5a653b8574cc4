/*
 * loopback-api          measures programs that speak the Lambda Runtime API
 * loopback-api client   is the least such program: one kept-alive socket, next, response, next, ...
 *
 * The first reads jobs from stdin, a line each, and answers each with a line of JSON on stdout. A job's fields
 * are parted by tabs:
 *
 *   COUNT EVENTS [NAME=VALUE...] PROGRAM [ARGUMENT...]
 *
 * PROGRAM is started with those variables, and AWS_LAMBDA_RUNTIME_API, beside this process's own. It is given
 * COUNT events, and killed when it asks for one more. EVENTS says what they are:
 *
 *   hello    {"name":"World"}
 *   varied   {"n":N,"fail":BOOLEAN,"pad":STRING} of 40 bytes to 256 KiB, N from 0; every fiftieth has fail set.
 *            The sizes repeat every thousand. An answer must have "n":N in it.
 *   page     an HTTP request, as a function URL sends it. An answer must be the page, with status 200.
 *   none     no API at all: the end of PROGRAM is waited for
 *
 * Both share one CPU. The answer, with times in microseconds from the start of PROGRAM and memory in kB:
 *
 *   failed        what went wrong, or null: it ended too early, or nothing was heard of it for SILENCE_MS
 *   endedUs       when it ended by itself, or null; exitCode likewise (128 + the signal)
 *   firstNextUs   when it asked for its first event
 *   firstAnswerUs when its first answer, or error, was there
 *   answers, errors, initErrors; refused: requests that made no sense; connections: how many it made
 *   cycleUs       from one request for an event to the next: mean, min, p50, p90, p99, max
 *   rssKb         its resident memory after every thousandth answer (smaps_rollup, which is exact)
 *   peakRssKb     the most it ever was (VmHWM)
 *   userUs, systemUs, minorFaults   what it cost in all
 *   treeCpuUs, treePssKb   of events "page", and of all events if COUNT is 0, or null: the processor time and the proportional memory
 *                 of PROGRAM and all processes that it started, at its first answer and at the last request for an event
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_CONNECTIONS = 64,
  MAX_FIELDS = 128,
  MAX_VARIABLES = 512,
  MAX_COUNT = 1000000,
  SAMPLE_EVERY = 1000,
  BIGGEST_EVENT = 256 * 1024,
  /* Lambda's limit for an answer, and room for a request's head. */
  MAX_REQUEST = 7 * 1024 * 1024,
  /* Under valgrind, on a busy machine, a start takes minutes. */
  SILENCE_MS = 600000,
};

enum events { HELLO, VARIED, PAGE, NONE };

static const char API[] = "/2018-06-01/runtime/";
static const char HELLO_EVENT[] = "{\"name\":\"World\"}";
static const char PAGE_EVENT[] =
  "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/orders\",\"rawQueryString\":\"name=World&page=2\","
  "\"cookies\":[\"session=8f14e45fceea167a5a36dedd4bea2543\"],\"headers\":{"
  "\"x-amzn-trace-id\":\"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\",\"x-forwarded-proto\":\"https\",\"x-forwarded-port\":\"443\","
  "\"x-forwarded-for\":\"203.0.113.7\",\"host\":\"abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws\","
  "\"accept\":\"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\",\"accept-encoding\":\"gzip, deflate, br\","
  "\"accept-language\":\"en-US,en;q=0.5\",\"user-agent\":\"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\"},"
  "\"queryStringParameters\":{\"name\":\"World\",\"page\":\"2\"},\"requestContext\":{\"accountId\":\"anonymous\","
  "\"apiId\":\"abcdefghijklmnopqrstuvwxyz012345\",\"domainName\":\"abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws\","
  "\"domainPrefix\":\"abcdefghijklmnopqrstuvwxyz012345\",\"http\":{\"method\":\"GET\",\"path\":\"/orders\","
  "\"protocol\":\"HTTP/1.1\",\"sourceIp\":\"203.0.113.7\","
  "\"userAgent\":\"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\"},"
  "\"requestId\":\"00000000-0000-4000-8000-000000000000\",\"routeKey\":\"$default\",\"stage\":\"$default\","
  "\"time\":\"14/Nov/2023:22:13:20 +0000\",\"timeEpoch\":1700000000000},\"isBase64Encoded\":false}";
static const char ACCEPTED[] = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
static const char REFUSED[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n";

extern char **environ;

struct connection {
  int fd;
  char *buffer;
  size_t length, room;
};

/* What is known of the program that is measured. */
static struct {
  long count;
  enum events events;
  pid_t pid;
  int status; /* of waitpid, when over */
  int over, done;
  struct rusage usage;
  int64_t started, ended, first_next, first_answer, last_next;
  long sent; /* events so far */
  int waiting; /* is one of them without an answer? */
  long answers, errors, init_errors, refused, accepted;
  long samples[MAX_COUNT / SAMPLE_EVERY];
  size_t sample_count;
  char peak[32];
  struct cost { int64_t cpu_ns; long pss_kb; } first_cost, last_cost; /* of all its processes */
} job;

static struct connection connections[MAX_CONNECTIONS];
static size_t connection_count;
static uint32_t cycles[MAX_COUNT]; /* ns */

static _Noreturn void stop(const char *what) {
  perror(what);
  if (job.pid > 0) kill(-job.pid, SIGKILL);
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* False when the other side is gone. */
static int send_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    bytes += n;
    length -= (size_t)n;
  }
  return 1;
}

/* The Content-Length in a head that ends with NUL; 0 when there is none. */
static size_t content_length(const char *head) {
  const char *at = strcasestr(head, "\r\ncontent-length:");
  return at == NULL ? 0 : strtoul(at + 17, NULL, 10);
}

/* ---- The least client ---- */

static size_t exchange(int fd, const char *request, size_t length, char *answer, size_t room) {
  size_t have = 0;
  if (!send_all(fd, request, length)) stop("send");
  for (;;) {
    ssize_t n = recv(fd, answer + have, room - 1 - have, 0);
    if (n <= 0) stop("recv");
    have += (size_t)n;
    answer[have] = '\0';
    const char *end = strstr(answer, "\r\n\r\n");
    if (end != NULL && have >= (size_t)(end + 4 - answer) + content_length(answer)) return have;
  }
}

static int client(void) {
  static const char next[] = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n";
  static const char id_header[] = "\r\nLambda-Runtime-Aws-Request-Id: ";
  static char answer[1024 * 1024], request[1024];
  const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
  const char *colon = api == NULL ? NULL : strchr(api, ':');
  if (colon == NULL) stop("AWS_LAMBDA_RUNTIME_API");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) stop("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (;;) {
    exchange(fd, next, sizeof next - 1, answer, sizeof answer);
    const char *id = strcasestr(answer, id_header);
    if (id == NULL) stop("no request id");
    int length = snprintf(request, sizeof request,
      "POST /2018-06-01/runtime/invocation/%.36s/response HTTP/1.1\r\nHost: runtime\r\n"
      "Content-Type: application/json\r\nContent-Length: 13\r\n\r\nHello, World!", id + sizeof id_header - 1);
    exchange(fd, request, (size_t)length, answer, sizeof answer);
  }
}

/* ---- Events ---- */

static size_t pad_size(long n) {
  long place = n % 1000;
  if (place == 500) return BIGGEST_EVENT;
  if (place % 100 == 50) return 32 * 1024;
  return (size_t)(place * 37 % 1000);
}

/* The body of event n, at the place given; returns its length. */
static size_t event_body(long n, char *to) {
  if (job.events == HELLO) {
    memcpy(to, HELLO_EVENT, sizeof HELLO_EVENT - 1);
    return sizeof HELLO_EVENT - 1;
  }
  if (job.events == PAGE) {
    memcpy(to, PAGE_EVENT, sizeof PAGE_EVENT - 1);
    return sizeof PAGE_EVENT - 1;
  }
  size_t pad = pad_size(n);
  char *at = to + sprintf(to, "{\"n\":%ld,\"fail\":%s,\"pad\":\"", n, n % 50 == 7 ? "true" : "false");
  memset(at, 'a' + (int)(n % 26), pad);
  return (size_t)(at + pad - to) + (size_t)sprintf(at + pad, "\"}");
}

static void request_id(long n, char id[37]) { snprintf(id, 37, "00000000-0000-4000-8000-%012u", (unsigned)n); }

/* The headers are those that Lambda sends, in size too. */
static void send_event(int fd) {
  static char body[BIGGEST_EVENT + 1024], answer[BIGGEST_EVENT + 4096];
  char id[37];
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  request_id(job.sent, id);
  size_t length = event_body(job.sent, body);
  int head = snprintf(answer, 2048,
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: %s\r\n"
    "Lambda-Runtime-Deadline-Ms: %lld\r\n"
    "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:measured\r\n"
    "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n"
    "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Length: %zu\r\n\r\n",
    id, (long long)wall.tv_sec * 1000 + 60000, length);
  memcpy(answer + head, body, length);
  job.sent++;
  job.waiting = 1;
  send_all(fd, answer, (size_t)head + length);
}

/* ---- The API ---- */

/* A number, of kB mostly, from a file in /proc/PID; -1 when it is not there. */
static long proc_kb(pid_t pid, const char *file, const char *name) {
  char path[64], line[256];
  long value = -1;
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
  FILE *in = fopen(path, "re");
  if (in == NULL) return -1;
  while (value < 0 && fgets(line, sizeof line, in) != NULL)
    if (strncmp(line, name, strlen(name)) == 0) value = atol(line + strlen(name));
  fclose(in);
  return value;
}

/* The processor time of all threads of a process. */
static int64_t cpu_ns(pid_t pid) {
  char path[64], line[128];
  int64_t sum = 0;
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", (int)pid, atoi(task->d_name));
    FILE *in = fopen(path, "re");
    if (in == NULL) continue;
    if (fgets(line, sizeof line, in) != NULL) sum += strtoll(line, NULL, 10);
    fclose(in);
  }
  if (tasks != NULL) closedir(tasks);
  return sum;
}

/* Calls back for each process that the program is or started. None gets lost: we are the parent of orphans. */
static void for_each_process(void (*call)(pid_t pid, void *context), void *context) {
  DIR *processes = opendir("/proc");
  if (processes == NULL) stop("/proc");
  for (struct dirent *process; (process = readdir(processes)) != NULL;) {
    pid_t pid = (pid_t)atoi(process->d_name), parent = pid;
    while (parent > 0 && parent != getpid()) parent = (pid_t)proc_kb(parent, "status", "PPid:");
    if (parent > 0 && pid != parent) call(pid, context);
  }
  closedir(processes);
}

static void add_cost(pid_t pid, void *context) {
  struct cost *cost = context;
  long pss = proc_kb(pid, "smaps_rollup", "Pss:");
  if (pss < 0) stop("smaps_rollup");
  cost->pss_kb += pss;
  cost->cpu_ns += cpu_ns(pid);
}

static struct cost tree_cost(void) {
  struct cost cost = {0, 0};
  for_each_process(add_cost, &cost);
  return cost;
}

static void end_process(pid_t pid, void *context) {
  (void)context;
  kill(pid, SIGKILL);
}

static void next_event(int fd) {
  int64_t now = now_ns();
  if (job.waiting) {
    job.refused++;
    send_all(fd, REFUSED, sizeof REFUSED - 1);
    return;
  }
  if (job.sent == 0) {
    job.first_next = now;
  } else {
    int64_t cycle = now - job.last_next;
    cycles[job.sent - 1] = cycle > UINT32_MAX ? UINT32_MAX : (uint32_t)cycle;
  }
  job.last_next = now;
  if (job.sent == job.count) {
    if (job.events == PAGE || job.count == 0) job.last_cost = tree_cost();
    job.done = 1;
  } else {
    send_event(fd);
  }
}

static int fits(const char *body, size_t length) {
  char expected[32];
  if (job.events == HELLO) return 1;
  if (job.events == PAGE)
    return memmem(body, length, "\"statusCode\":200", 16) != NULL && memmem(body, length, "Orders of World", 15) != NULL;
  snprintf(expected, sizeof expected, "\"n\":%ld", job.sent - 1);
  return memmem(body, length, expected, strlen(expected)) != NULL;
}

/* rest: what follows runtime/ in the path, up to a blank. */
static void take_answer(int fd, const char *rest, const char *body, size_t length) {
  char id[37], response[80], error[80];
  request_id(job.sent - 1, id);
  snprintf(response, sizeof response, "invocation/%s/response ", id);
  snprintf(error, sizeof error, "invocation/%s/error ", id);
  int is_response = strncmp(rest, response, strlen(response)) == 0, is_error = strncmp(rest, error, strlen(error)) == 0;
  if (strncmp(rest, "init/error ", 11) == 0) {
    job.init_errors++;
  } else if (job.waiting && (is_response || is_error)) {
    if (job.first_answer == 0) {
      job.first_answer = now_ns();
      if (job.events == PAGE) job.first_cost = tree_cost();
    }
    job.waiting = 0;
    if (is_error) job.errors++;
    else if (fits(body, length)) job.answers++;
    else job.refused++;
    /* It waits for us now: what it holds is what it keeps between events. */
    if (job.sent % SAMPLE_EVERY == 0) job.samples[job.sample_count++] = proc_kb(job.pid, "smaps_rollup", "Rss:");
  } else {
    job.refused++;
    send_all(fd, REFUSED, sizeof REFUSED - 1);
    return;
  }
  send_all(fd, ACCEPTED, sizeof ACCEPTED - 1);
}

static void drop(struct connection *c) {
  close(c->fd);
  free(c->buffer);
  *c = connections[--connection_count];
}

/* Handles the requests that are there as a whole. */
static void take_requests(struct connection *c) {
  char *end;
  while (!job.done && (end = memmem(c->buffer, c->length, "\r\n\r\n", 4)) != NULL) {
    *end = '\0';
    size_t head = (size_t)(end + 4 - c->buffer), body = content_length(c->buffer);
    if (c->length < head + body) {
      *end = '\r';
      return;
    }
    const char *path = strchr(c->buffer, ' ');
    const char *rest = path == NULL || strncmp(path + 1, API, sizeof API - 1) != 0 ? "" : path + sizeof API;
    if (c->buffer[0] == 'G' && strncmp(rest, "invocation/next ", 16) == 0) next_event(c->fd);
    else take_answer(c->fd, rest, end + 4, body);
    c->length -= head + body;
    memmove(c->buffer, c->buffer + head + body, c->length);
  }
}

static void receive(struct connection *c) {
  if (c->room - c->length < 4096) {
    c->room = c->room == 0 ? 16 * 1024 : c->room * 4;
    if (c->room > 4 * MAX_REQUEST) stop("a request that is too long");
    c->buffer = realloc(c->buffer, c->room);
    if (c->buffer == NULL) stop("memory");
  }
  ssize_t n = recv(c->fd, c->buffer + c->length, c->room - c->length, 0);
  if (n < 0 && errno == EINTR) return;
  if (n <= 0) {
    drop(c);
    return;
  }
  c->length += (size_t)n;
  take_requests(c);
}

static void accept_connection(int listener) {
  int on = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  job.accepted++;
  if (connection_count == MAX_CONNECTIONS) {
    close(fd);
    return;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connections[connection_count++] = (struct connection){.fd = fd};
}

/* ---- The program that is measured ---- */

static int same_name(const char *a, const char *b) {
  size_t length = strcspn(a, "=");
  return strncmp(a, b, length + 1) == 0;
}

/* Starts it in a process group of its own, with nothing on stdin, and our stderr as stdout and stderr. */
static void start(char **fields, int port) {
  static char *variables[MAX_VARIABLES];
  static char api[64];
  size_t count = 0, own;
  snprintf(api, sizeof api, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%d", port);
  variables[count++] = api;
  for (; *fields != NULL && strchr(*fields, '=') != NULL; fields++) variables[count++] = *fields;
  if (*fields == NULL) stop("a job without a program");
  own = count;
  for (char **variable = environ; *variable != NULL && count < MAX_VARIABLES - 1; variable++) {
    size_t at = 0;
    while (at < own && !same_name(variables[at], *variable)) at++;
    if (at == own) variables[count++] = *variable;
  }
  variables[count] = NULL;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t no_signals;
  sigemptyset(&no_signals);
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &no_signals);
  job.started = now_ns();
  errno = posix_spawn(&job.pid, fields[0], &files, &attributes, fields, variables);
  if (errno != 0) stop(fields[0]);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
}

static void reap(int options) {
  if (job.over || wait4(job.pid, &job.status, options, &job.usage) != job.pid) return;
  job.over = 1;
  job.ended = now_ns();
}

/* Until it has had its events, ended, or is silent for too long; returns what went wrong, or NULL. */
static const char *serve(int listener, int signals) {
  struct pollfd fds[MAX_CONNECTIONS + 2];
  for (;;) {
    fds[0] = (struct pollfd){.fd = signals, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (size_t i = 0; i < connection_count; i++)
      fds[i + 2] = (struct pollfd){.fd = connections[i].fd, .events = POLLIN};
    int ready = poll(fds, connection_count + 2, SILENCE_MS);
    if (ready < 0 && errno != EINTR) stop("poll");
    if (ready == 0) return "nothing was heard of it";
    /* Backwards: one that is dropped is replaced by the last. */
    for (size_t i = connection_count; i-- > 0;)
      if (fds[i + 2].revents != 0) receive(&connections[i]);
    if (job.done) return NULL;
    if (fds[1].revents != 0) accept_connection(listener);
    if (fds[0].revents != 0) {
      struct signalfd_siginfo info;
      if (read(signals, &info, sizeof info) < 0) stop("signals");
      reap(WNOHANG);
      if (job.over) return job.events == NONE ? NULL : "it ended too early";
    }
  }
}

/* ---- Jobs ---- */

static int by_value(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return left < right ? -1 : left > right;
}

/* The member that lies that far, from 0 to 1, into the sorted cycles. */
static double quantile(size_t count, double part) {
  return cycles[(size_t)((double)(count - 1) * part)] / 1000.0;
}

static void print_time(const char *name, int64_t at) {
  if (at == 0) printf("\"%s\":null,", name);
  else printf("\"%s\":%.1f,", name, (double)(at - job.started) / 1000.0);
}

static void print_report(const char *failed, int64_t ended, long peak) {
  size_t count = job.done ? (size_t)job.count : 0;
  double sum = 0;
  if (failed == NULL) printf("{\"failed\":null,");
  else printf("{\"failed\":\"%s\",", failed);
  print_time("endedUs", ended);
  if (ended == 0) printf("\"exitCode\":null,");
  else printf("\"exitCode\":%d,", WIFEXITED(job.status) ? WEXITSTATUS(job.status) : 128 + WTERMSIG(job.status));
  print_time("firstNextUs", job.first_next);
  print_time("firstAnswerUs", job.first_answer);
  printf("\"answers\":%ld,\"errors\":%ld,\"initErrors\":%ld,\"refused\":%ld,\"connections\":%ld,",
    job.answers, job.errors, job.init_errors, job.refused, job.accepted);
  if (count == 0) {
    printf("\"cycleUs\":null,");
  } else {
    for (size_t i = 0; i < count; i++) sum += cycles[i];
    qsort(cycles, count, sizeof cycles[0], by_value);
    printf("\"cycleUs\":{\"mean\":%.2f,\"min\":%.2f,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"max\":%.2f},",
      sum / (double)count / 1000.0, quantile(count, 0), quantile(count, 0.5), quantile(count, 0.9),
      quantile(count, 0.99), quantile(count, 1));
  }
  printf("\"rssKb\":[");
  for (size_t i = 0; i < job.sample_count; i++) printf(i == 0 ? "%ld" : ",%ld", job.samples[i]);
  printf("],\"peakRssKb\":%ld,\"userUs\":%ld,\"systemUs\":%ld,\"minorFaults\":%ld,", peak,
    job.usage.ru_utime.tv_sec * 1000000L + job.usage.ru_utime.tv_usec,
    job.usage.ru_stime.tv_sec * 1000000L + job.usage.ru_stime.tv_usec, job.usage.ru_minflt);
  if (job.last_cost.pss_kb == 0)
    printf("\"treeCpuUs\":null,\"treePssKb\":null}\n");
  else
    printf("\"treeCpuUs\":[%lld,%lld],\"treePssKb\":[%ld,%ld]}\n", (long long)job.first_cost.cpu_ns / 1000,
      (long long)job.last_cost.cpu_ns / 1000, job.first_cost.pss_kb, job.last_cost.pss_kb);
  fflush(stdout);
}

static void run_job(char *line, int signals) {
  char *fields[MAX_FIELDS + 1];
  size_t count = 0;
  for (char *field = strtok(line, "\t"); field != NULL && count < MAX_FIELDS; field = strtok(NULL, "\t"))
    fields[count++] = field;
  fields[count] = NULL;
  memset(&job, 0, sizeof job);
  if (count < 3) stop("a job with too few fields");
  job.count = atol(fields[0]);
  if (job.count < 0 || job.count > MAX_COUNT) stop("a job with too many events");
  job.events = strcmp(fields[1], "hello") == 0 ? HELLO : strcmp(fields[1], "varied") == 0 ? VARIED
    : strcmp(fields[1], "page") == 0 ? PAGE : NONE;

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) stop("bind");
  if (listen(listener, 64) != 0) stop("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &size) != 0) stop("getsockname");

  start(fields + 2, ntohs(address.sin_port));
  const char *failed = serve(listener, signals);
  int64_t ended = job.ended;
  long peak = job.over ? job.usage.ru_maxrss : proc_kb(job.pid, "status", "VmHWM:");
  for_each_process(end_process, NULL);
  reap(0);
  /* Again each time: it may have started another meanwhile. */
  do for_each_process(end_process, NULL);
  while (waitpid(-1, NULL, 0) > 0);
  while (connection_count > 0) drop(&connections[0]);
  close(listener);
  print_report(failed, ended, peak);
}

/*
 * This process and what it starts share one CPU, the last that they may use: they take turns anyhow, and what
 * it takes to wake another CPU varies more than what is measured.
 */
static void stay_on_one_cpu(void) {
  cpu_set_t allowed, one;
  CPU_ZERO(&one);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) stop("sched_getaffinity");
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && CPU_COUNT(&one) == 0; cpu--)
    if (CPU_ISSET(cpu, &allowed)) CPU_SET(cpu, &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) stop("sched_setaffinity");
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "client") == 0) return client();
  static char line[64 * 1024];
  sigset_t child;
  stay_on_one_cpu();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    run_job(line, signals);
  }
  return 0;
}
