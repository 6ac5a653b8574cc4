#include "event-handler.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "http.h"
#include "log.h"
#include "memory.h"
#include "response.h"

#define BOOTSTRAP "/opt/bootstrap"
#define PHP_PROGRAM "/opt/bin/php"
#define LOOK_EVERY_MS 50

static int listener = -1;
static pid_t process;
static struct connection connection = { .socket = -1 };

/* Listens on a free port of the loopback interface. */
static uint16_t listen_anywhere(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
		getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
		log_line("cannot listen for the event handler: %s", strerror(errno));
		_exit(1);
	}
	return ntohs(address.sin_port);
}

static void start_process(const char *handler)
{
	char address[32];
	static uint16_t port;
	if (listener < 0) {
		port = listen_anywhere();
	}
	pid_t parent = getpid();
	process = fork();
	if (process < 0) {
		log_line("cannot start the event handler: %s", strerror(errno));
		_exit(1);
	}
	if (process == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) {
			_exit(1);
		}
		snprintf(address, sizeof address, "127.0.0.1:%u", port);
		setenv("AWS_LAMBDA_RUNTIME_API", address, 1);
		setenv("LAYERSMITH_MODE", "function", 1);
		/* A web application is in another folder. */
		(void)!chdir(task_root());
		setenv("_HANDLER", handler, 1);
		execl(PHP_PROGRAM, PHP_PROGRAM, "--lambda", BOOTSTRAP, (char *)NULL);
		log_line("cannot start %s: %s", PHP_PROGRAM, strerror(errno));
		_exit(1);
	}
}

/* Waits until the process connects. Returns false if it ends. */
static bool accept_process(void)
{
	struct pollfd wanted = { .fd = listener, .events = POLLIN };
	while (connection.socket < 0) {
		if (poll(&wanted, 1, LOOK_EVERY_MS) > 0) {
			connection.socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		} else if (waitpid(process, NULL, WNOHANG) == process) {
			process = 0;
			return false;
		}
	}
	return true;
}

/* Forgets a process that has ended, or ends it. */
static void end_process(void)
{
	connection_close(&connection);
	if (process != 0) {
		kill(process, SIGKILL);
		waitpid(process, NULL, 0);
		process = 0;
	}
}

static bool reply(const char *head, const char *body, size_t length)
{
	struct iovec parts[] = {
		{ .iov_base = (char *)head, .iov_len = strlen(head) },
		{ .iov_base = (char *)body, .iov_len = length },
	};
	return connection_send(&connection, parts, length > 0 ? 2 : 1);
}

static bool give_event(struct arena *arena, const struct invocation *invocation)
{
	const struct {
		const char *name;
		const char *value;
	} headers[] = {
		{ "Trace-Id", invocation->trace_id },
		{ "Client-Context", invocation->client_context },
		{ "Cognito-Identity", invocation->identity },
		{ "Aws-Tenant-Id", invocation->tenant_id },
	};
	char *head = arena_format(arena,
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nLambda-Runtime-Aws-Request-Id: %s\r\n"
		"Lambda-Runtime-Deadline-Ms: %lld\r\nLambda-Runtime-Invoked-Function-Arn: %s\r\n",
		invocation->event_length, invocation->id, (long long)invocation->deadline_ms, invocation->function_arn);
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		if (*headers[i].value != '\0') {
			head = arena_format(arena, "%sLambda-Runtime-%s: %s\r\n", head, headers[i].name, headers[i].value);
		}
	}
	return reply(arena_format(arena, "%s\r\n", head), invocation->event, invocation->event_length);
}

/* Passes an answer on, and its status back. */
static void pass_on(struct arena *arena, struct runtime_api *api, const struct invocation *invocation, const struct message *message, const char *end)
{
	const char *type = message_header(message, "Content-Type"), *error = message_header(message, ERROR_TYPE);
	char *headers = arena_format(arena, "Content-Type: %s\r\n", *type == '\0' ? "application/json" : type);
	if (*error != '\0') {
		headers = arena_format(arena, "%s" ERROR_TYPE ": %s\r\n", headers, error);
	}
	int status = api_post(api, arena_format(arena, "invocation/%s/%s", invocation->id, end), headers, message->body, message->body_length);
	reply(arena_format(arena, "HTTP/1.1 %d Status\r\nContent-Length: 0\r\n\r\n", status == 0 ? 500 : status), "", 0);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strcspn(text, " "), end_length = strlen(end);
	return length >= end_length && strncmp(text + length - end_length, end, end_length) == 0;
}

/* Serves the process until it has answered. Returns false if it ended before; `given` tells whether it has got the event. */
static bool serve_process(struct arena *arena, struct runtime_api *api, const struct invocation *invocation, bool *given)
{
	struct message message;
	bool fresh;
	while (connection_read(&connection, &message, &fresh)) {
		/* `GET /path HTTP/1.1` */
		const char *path = message.start + strcspn(message.start, " ");
		path += *path == ' ';
		if (ends_with(path, "/invocation/next")) {
			*given = true;
			if (!give_event(arena, invocation)) {
				return false;
			}
			continue;
		}
		bool is_response = ends_with(path, "/response");
		pass_on(arena, api, invocation, &message, is_response ? "response" : "error");
		return true;
	}
	return false;
}

void event_handler_invoke(struct runtime_api *api, const struct invocation *invocation, const char *handler)
{
	struct arena arena = { 0 };
	if (connection.buffer == NULL) {
		connection_open(&connection);
	}
	for (;;) {
		bool is_new = process == 0, given = false;
		if (is_new) {
			start_process(handler);
		}
		if (accept_process() && serve_process(&arena, api, invocation, &given)) {
			break;
		}
		end_process();
		/* One that ended after its last event is no reason to fail this one. */
		if (is_new || given) {
			respond_with_error(api, invocation->id, "Runtime.ExitError", "the process of the event handler ended before it answered");
			break;
		}
	}
	arena_free(&arena);
}
