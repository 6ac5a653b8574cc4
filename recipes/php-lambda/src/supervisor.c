#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deadline.h"
#include "log.h"
#include "response.h"
#include "server.h"
#include "slot.h"
#include "snapshot.h"

static struct runtime_api *runtime;
static struct slot *slots;
static int slot_count;
static bool has_started;
static sigset_t own_signals, previous_signals;

void fail_to_start(struct runtime_api *api, const char *type, const char *format, ...)
{
	char message[2048];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	log_line("%s: %s", type, message);
	respond_with_init_error(api, type, message);
	_exit(1);
}

static void start_worker(struct slot *slot)
{
	*slot = (struct slot){ .work = WORK_STARTING };
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0) {
		log_line("cannot start a process: %s", strerror(errno));
		_exit(1);
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) {
			_exit(1);
		}
		sigprocmask(SIG_SETMASK, &previous_signals, NULL);
		api_reset(runtime);
		server_run(runtime, slot, !has_started && snapshot_is_wanted());
	}
	slot->pid = pid;
}

static const char *end_of(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status)) {
		snprintf(text, size, "was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else {
		snprintf(text, size, "ended with %d", WEXITSTATUS(status));
	}
	return text;
}

/* Answers what a dead worker has left, and starts another. */
static void replace(struct slot *slot, int status)
{
	char how[128];
	end_of(status, how, sizeof how);
	switch ((enum work)slot->work) {
	case WORK_STARTING:
		if (!has_started) {
			fail_to_start(runtime, "Runtime.ExitError", "PHP %s before it asked for an invocation", how);
		}
		log_line("PHP %s before it asked for an invocation", how);
		_exit(1);
	case WORK_RESTORED:
		fail_to_restore(runtime, how);
	case WORK_WAITING:
		if (!WIFSIGNALED(status)) {
			/* The Runtime API is gone; the worker has said so. */
			_exit(1);
		}
		log_line("PHP %s between two invocations", how);
		break;
	case WORK_BUSY:
	/* If Lambda has an answer, it refuses another one. */
	case WORK_ANSWERING: {
		bool is_late = slot->kill_at_ms != 0;
		bool is_http = slot->format != EVENT_OTHER;
		log_invocation(slot->id, "ERROR", "%s: %sPHP %s, answered %s", slot->what, is_late ? "out of time; " : "", how,
			!is_http ? "with an error" : is_late ? "504" : "502");
		if (!is_http) {
			respond_with_error(runtime, slot->id, "Runtime.ExitError", how);
		} else {
			respond_for(runtime, slot, is_late ? 504 : 502);
		}
		break;
	}
	case WORK_STREAMING:
		log_invocation(slot->id, "ERROR", "%s: PHP %s while it sent its answer", slot->what, how);
		break;
	case WORK_ANSWERED:
		log_invocation(slot->id, "ERROR", "%s: PHP %s after its answer", slot->what, how);
		break;
	}
	start_worker(slot);
}

static void reap(void)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (int i = 0; i < slot_count; i++) {
			if (slots[i].pid == pid) {
				replace(&slots[i], status);
			}
		}
	}
}

static bool is_working(struct slot *slot)
{
	return slot->work >= WORK_BUSY;
}

/* Kills workers that are out of time and have not answered themselves. Returns the milliseconds until the next; -1 for none. */
static int64_t end_late_workers(void)
{
	int64_t next = -1, now = now_ms();
	for (int i = 0; i < slot_count; i++) {
		int64_t at = slots[i].kill_at_ms;
		if (at == 0 || !is_working(&slots[i])) {
			continue;
		}
		if (at <= now) {
			kill(slots[i].pid, SIGKILL);
		} else if (next < 0 || at - now < next) {
			next = at - now;
		}
	}
	return next;
}

static void end_all(void)
{
	for (int i = 0; i < slot_count; i++) {
		kill(slots[i].pid, SIGTERM);
	}
	_exit(0);
}

static void wait_for_signal(int64_t timeout_ms)
{
	struct timespec timeout = { .tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000 };
	int signal = sigtimedwait(&own_signals, NULL, timeout_ms < 0 ? NULL : &timeout);
	if (signal == SIGTERM || signal == SIGINT) {
		end_all();
	}
}

void supervise(struct runtime_api *api, int workers)
{
	runtime = api;
	slot_count = workers;
	slots = mmap(NULL, sizeof *slots * (size_t)workers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED) {
		out_of_memory();
	}
	sigemptyset(&own_signals);
	sigaddset(&own_signals, SIGCHLD);
	sigaddset(&own_signals, SIGUSR1);
	sigaddset(&own_signals, SIGTERM);
	sigaddset(&own_signals, SIGINT);
	sigprocmask(SIG_BLOCK, &own_signals, &previous_signals);
	for (int i = 0; i < workers; i++) {
		start_worker(&slots[i]);
	}
	for (int64_t next = -1;; next = end_late_workers()) {
		wait_for_signal(next);
		for (int i = 0; i < slot_count; i++) {
			has_started = has_started || slots[i].work != WORK_STARTING;
		}
		reap();
	}
}
