/*
 * A bootstrap that does to the Runtime API what a script says, right or wrong, and writes a transcript of
 * what the API answered to stderr: lines that begin with "| ". The handler names the script, a file in the
 * task root, of one command on each line:
 *
 *   next                      asks for an event and keeps its id
 *   ask METHOD PATH [BODY]    a request; what follows "$id" in it is replaced by the kept id, and a path
 *   post PATH [BODY]          without a slash before it is below /2018-06-01/runtime/
 *   send METHOD PATH [BODY]   a request whose answer `receive` reads, or `hang-up` does not
 *   raw BYTES                 sends these, with \r, \n, \0 and \\ in them, and reads one answer
 *   header LINE, trailer LINE, chunked, fill COUNT, cut COUNT
 *                             for the request that follows: more headers and trailers, the body in chunks, a
 *                             body of that many bytes, and no more than that many sent of it
 *   say TEXT, sleep MS, exit STATUS, signal NUMBER
 *   first COMMAND             only in the sandbox's first bootstrap; `again COMMAND` only in those after it
 *   repeat                    from the beginning
 *
 * At the script's end it says so, and does nothing until it is killed.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http.h"

enum { LIMIT_SECONDS = 5, MOST_SHOWN = 300 };

static char id[128] = "no-id-yet";
static int lives_before;

/* Of the request that follows. */
static struct bytes headers, trailers;
static int chunked;
static long fill = -1, cut = -1;

/* Connections whose answers were not read yet. */
static int sent[16], sent_count;

__attribute__((format(printf, 1, 2))) static void transcript(const char *format, ...) {
  char *text, *line;
  va_list arguments;
  va_start(arguments, format);
  if (vasprintf(&text, format, arguments) < 0) abort();
  va_end(arguments);
  int length = asprintf(&line, "| %s\n", text);
  if (length < 0 || write(STDERR_FILENO, line, (size_t)length) < 0) abort();
  free(line);
  free(text);
}

/* Bytes as text of one line, with the kept id as $id. */
static const char *shown(const struct bytes *bytes) {
  static struct bytes text;
  text.length = 0;
  append_text(&text, "");
  if (bytes->length > MOST_SHOWN) {
    char size[64];
    snprintf(size, sizeof size, "(%zu bytes)", bytes->length);
    append_text(&text, size);
    return text.at;
  }
  for (size_t at = 0; at < bytes->length;) {
    unsigned char byte = (unsigned char)bytes->at[at];
    char escaped[8];
    if (strncmp(bytes->at + at, id, strlen(id)) == 0) {
      append_text(&text, "$id");
      at += strlen(id);
      continue;
    }
    if (byte == '\n') append_text(&text, "\\n");
    else if (byte >= ' ' && byte < 127) append(&text, &byte, 1);
    else {
      snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      append_text(&text, escaped);
    }
    at++;
  }
  return text.at;
}

static const char *with_id(const char *from) {
  static struct bytes text;
  text.length = 0;
  append_text(&text, "");
  for (; *from != 0; from++) {
    if (strncmp(from, "$id", 3) == 0) {
      append_text(&text, id);
      from += 2;
    } else append(&text, from, 1);
  }
  return text.at;
}

static void show(const struct answer *answer) {
  if (answer->status == 0) transcript("the connection was closed");
  else if (answer->status < 0) transcript("no answer");
  else {
    const char *type = header_of(answer, "Content-Type");
    transcript("%d %s %s", answer->status, type == NULL ? "-" : type, shown(&answer->body));
  }
}

/* The headers of an event, but for those that every server sets. */
static void show_event(const struct answer *event) {
  static const char *const names[] = {
      "Lambda-Runtime-Aws-Request-Id", "Lambda-Runtime-Invoked-Function-Arn", "Lambda-Runtime-Trace-Id",
      "Lambda-Runtime-Client-Context", "Lambda-Runtime-Cognito-Identity",     "Lambda-Runtime-Aws-Tenant-Id",
  };
  for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
    const char *value = header_of(event, names[at]);
    struct bytes bytes = {.at = (char *)value, .length = value == NULL ? 0 : strlen(value)};
    if (value != NULL) transcript("%s: %s", names[at], shown(&bytes));
  }
  const char *deadline = header_of(event, "Lambda-Runtime-Deadline-Ms");
  if (deadline == NULL) return;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  double left = strtod(deadline, NULL) / 1000 - (double)now.tv_sec - (double)now.tv_nsec / 1e9;
  /* A machine that is busy makes it a little less, and not a second. */
  transcript("Lambda-Runtime-Deadline-Ms: in %ld s", (long)(left + 0.99));
}

static void start_request(struct bytes *request, const char *method, const char *path) {
  append_text(request, method);
  append_text(request, *path == '/' ? " " : " /2018-06-01/runtime/");
  append_text(request, path);
  append_text(request, " HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n");
}

static void add_body(struct bytes *request, const char *body, size_t length) {
  char line[64];
  size_t kept = cut >= 0 && (size_t)cut < length ? (size_t)cut : length;
  if (!chunked) {
    snprintf(line, sizeof line, "Content-Length: %zu\r\n\r\n", length);
    append_text(request, line);
    append(request, body, kept);
    return;
  }
  append_text(request, "Transfer-Encoding: chunked\r\n\r\n");
  for (size_t at = 0; at < kept;) {
    size_t size = kept - at < 40000 ? kept - at : 40000;
    snprintf(line, sizeof line, "%zx\r\n", size);
    append_text(request, line);
    append(request, body + at, size);
    append_text(request, "\r\n");
    at += size;
  }
  if (kept < length) return;
  append_text(request, "0\r\n");
  append(request, trailers.at, trailers.length);
  append_text(request, "\r\n");
}

/* Gives the connection. `rest`: PATH [BODY] */
static int start(const char *method, const char *rest) {
  const char *space = strchr(rest, ' ');
  char *path = strndup(rest, space == NULL ? strlen(rest) : (size_t)(space - rest));
  char *replaced = strdup(with_id(path));
  char *body = strdup(space == NULL ? "" : with_id(space + 1));
  size_t length = strlen(body);
  if (fill >= 0) {
    length = (size_t)fill;
    free(body);
    body = malloc(length + 1);
    memset(body, 'x', length);
  }
  struct bytes request = {0};
  start_request(&request, method, replaced);
  if (headers.length > 0) append(&request, headers.at, headers.length);
  if (strcmp(method, "GET") == 0 && length == 0) append_text(&request, "\r\n");
  else add_body(&request, body, length);
  int fd = dial();
  send_bytes(fd, request.at, request.length);
  if (cut >= 0) shutdown(fd, SHUT_WR);
  free(request.at);
  free(path);
  free(replaced);
  free(body);
  headers.length = trailers.length = 0;
  chunked = 0;
  fill = cut = -1;
  return fd;
}

static void finish(int fd) {
  struct answer answer = receive(fd, LIMIT_SECONDS);
  show(&answer);
  close(fd);
  free(answer.headers.at);
  free(answer.body.at);
}

static void next_event(void) {
  int fd = start("GET", "invocation/next");
  struct answer event = receive(fd, 0);
  const char *given = event.status <= 0 ? NULL : header_of(&event, "Lambda-Runtime-Aws-Request-Id");
  if (given != NULL) snprintf(id, sizeof id, "%s", given);
  show(&event);
  if (given != NULL) show_event(&event);
  close(fd);
  free(event.headers.at);
  free(event.body.at);
}

static void raw(const char *text) {
  struct bytes bytes = {0};
  text = with_id(text);
  for (; *text != 0; text++) {
    char byte = *text;
    if (byte == '\\') {
      text++;
      byte = *text == 'r' ? '\r' : *text == 'n' ? '\n' : *text == '0' ? 0 : *text;
    }
    append(&bytes, &byte, 1);
  }
  int fd = dial();
  send_bytes(fd, bytes.at, bytes.length);
  finish(fd);
  free(bytes.at);
}

static int oldest(void) {
  if (sent_count == 0) abort();
  int fd = sent[0];
  memmove(sent, sent + 1, sizeof *sent * (size_t)--sent_count);
  return fd;
}

/* The rest of the line when it begins with this word. */
static const char *word(const char *line, const char *name) {
  size_t length = strlen(name);
  if (strncmp(line, name, length) != 0) return NULL;
  if (line[length] == 0) return line + length;
  return line[length] == ' ' ? line + length + 1 : NULL;
}

static void run(const char *line) {
  const char *rest;
  if ((rest = word(line, "first")) != NULL) {
    if (lives_before == 0) run(rest);
  } else if ((rest = word(line, "again")) != NULL) {
    if (lives_before > 0) run(rest);
  } else if (word(line, "next") != NULL) {
    next_event();
  } else if ((rest = word(line, "post")) != NULL) {
    finish(start("POST", rest));
  } else if ((rest = word(line, "ask")) != NULL || (rest = word(line, "send")) != NULL) {
    char method[32];
    int length = 0;
    if (sscanf(rest, "%31s %n", method, &length) != 1) abort();
    int fd = start(method, rest + length);
    if (*line == 'a') finish(fd);
    else sent[sent_count++] = fd;
  } else if (word(line, "receive") != NULL) {
    finish(oldest());
  } else if (word(line, "hang-up") != NULL) {
    close(oldest());
  } else if ((rest = word(line, "raw")) != NULL) {
    raw(rest);
  } else if ((rest = word(line, "header")) != NULL) {
    append_text(&headers, with_id(rest));
    append_text(&headers, "\r\n");
  } else if ((rest = word(line, "trailer")) != NULL) {
    append_text(&trailers, rest);
    append_text(&trailers, "\r\n");
  } else if (word(line, "chunked") != NULL) {
    chunked = 1;
  } else if ((rest = word(line, "fill")) != NULL) {
    fill = atol(rest);
  } else if ((rest = word(line, "cut")) != NULL) {
    cut = atol(rest);
  } else if ((rest = word(line, "say")) != NULL) {
    printf("%s\n", rest);
    fflush(stdout);
  } else if ((rest = word(line, "sleep")) != NULL) {
    long ms = atol(rest);
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
  } else if ((rest = word(line, "exit")) != NULL) {
    exit(atoi(rest));
  } else if ((rest = word(line, "signal")) != NULL) {
    raise(atoi(rest));
  } else if (*line != 0) {
    transcript("no such command: %s", line);
    exit(64);
  }
}

int main(void) {
  const char *root = getenv("LAMBDA_TASK_ROOT"), *handler = getenv("_HANDLER");
  char path[4096], *line = NULL;
  size_t room = 0;
  ssize_t length;
  snprintf(path, sizeof path, "%s/%s", root == NULL ? "/var/task" : root, handler == NULL ? "" : handler);
  FILE *script = fopen(path, "re");
  if (script == NULL) {
    transcript("no script %s", path);
    return 66;
  }
  append_text(&headers, "");
  append_text(&trailers, "");
  lives_before = access("/tmp/lived", F_OK) == 0;
  close(open("/tmp/lived", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  while ((length = getline(&line, &room, script)) >= 0) {
    if (length > 0 && line[length - 1] == '\n') line[length - 1] = 0;
    if (strcmp(line, "repeat") == 0) rewind(script);
    else run(line);
  }
  transcript("the end");
  for (;;) pause();
}
