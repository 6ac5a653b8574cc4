#include "compat.h"
#include "deadline.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "server.h"

/* Kept for the answer and the log: a tenth of the time, within these limits. */
#define MIN_MARGIN_MS 150
#define MAX_MARGIN_MS 1000
#define MAX_FRAMES 30

/* PHP does not use it: its own timers have SIGPROF, SIGALRM and SIGRTMIN. */
#define DEADLINE_SIGNAL (SIGRTMIN + 3)

static timer_t timer;
static struct slot *watched;
static volatile sig_atomic_t is_over;
/* How long PHP may take to see that it is out of time. */
static int64_t grace_ms;
static void (*next_interrupt_function)(zend_execute_data *);

int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Tells PHP, which looks at the next jump or call, and the supervisor, in case that PHP does not look. */
static void on_timer(int signal)
{
	(void)signal;
	is_over = 1;
	interrupt_php();
	watched->kill_at_ms = now_ms() + grace_ms;
	kill(getppid(), SIGUSR1);
}

/* Logs where PHP is. Arguments are left out: they may be secrets. */
static void log_stack(zend_execute_data *frame)
{
	struct bytes text = { 0 };
	char line[512];
	for (int count = 0; frame != NULL && count < MAX_FRAMES; frame = frame->prev_execute_data) {
		zend_function *function = frame->func;
		if (function == NULL) {
			continue;
		}
		const char *name = function->common.function_name != NULL ? ZSTR_VAL(function->common.function_name) : "main";
		const char *class_name = function->common.scope != NULL && function->common.function_name != NULL ? ZSTR_VAL(function->common.scope->name) : "";
		bool is_user = ZEND_USER_CODE(function->type);
		snprintf(line, sizeof line, "\n#%d %s%s%s()", count++, class_name, *class_name == '\0' ? "" : "::", name);
		bytes_add_text(&text, line);
		if (is_user && function->op_array.filename != NULL) {
			snprintf(line, sizeof line, " at %s:%u", ZSTR_VAL(function->op_array.filename), frame->opline != NULL ? frame->opline->lineno : 0);
			bytes_add_text(&text, line);
		}
	}
	log_invocation(watched->id, "ERROR", "%s: out of time, %s; PHP was at%s", watched->what,
		response_is_finished(server.response) ? "after its answer" : response_is_begun(server.response) ? "ended its answer with an error" : "answered 504",
		text.data == NULL ? "" : text.data);
	bytes_free(&text);
}

/* Ends the request as PHP ends one after a fatal error: without destructors and shutdown functions, for which there is no time. */
static void on_interrupt(zend_execute_data *frame)
{
	if (is_over && server.has_request) {
		is_over = 0;
		log_stack(frame);
		response_fail(server.response, 504, "the request took longer than the function may");
		EG(exit_status) = 255;
		zend_objects_store_mark_destructed(&EG(objects_store));
		php_free_shutdown_functions();
		end_php();
	}
	if (next_interrupt_function != NULL) {
		next_interrupt_function(frame);
	}
}

void deadline_init(struct slot *slot)
{
	struct sigaction action = { .sa_handler = on_timer };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL };
	watched = slot;
	event.sigev_signo = DEADLINE_SIGNAL;
	sigaction(DEADLINE_SIGNAL, &action, NULL);
	if (timer_create(CLOCK_REALTIME, &event, &timer) != 0) {
		log_line("cannot create a timer");
		_exit(1);
	}
	next_interrupt_function = zend_interrupt_function;
	zend_interrupt_function = on_interrupt;
}

static void set_timer(int64_t at_ms)
{
	struct itimerspec when = { .it_value = { .tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000 } };
	timer_settime(timer, TIMER_ABSTIME, &when, NULL);
}

void deadline_set(int64_t deadline_ms)
{
	struct timespec now;
	is_over = 0;
	watched->kill_at_ms = 0;
	if (deadline_ms == 0) {
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t left = deadline_ms - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	int64_t margin = left / 10;
	margin = margin < MIN_MARGIN_MS ? MIN_MARGIN_MS : margin > MAX_MARGIN_MS ? MAX_MARGIN_MS : margin;
	grace_ms = margin / 2;
	set_timer(deadline_ms - margin > 0 ? deadline_ms - margin : 1);
}

void deadline_clear(void)
{
	set_timer(0);
	is_over = 0;
	watched->kill_at_ms = 0;
}
