#include "compat.h"
#include "server.h"

#include <limits.h>
#include <php_output.h>
#include <php_variables.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "context.h"
#include "deadline.h"
#include "environment.h"
#include "event-handler.h"
#include "functions.h"
#include "log.h"
#include "snapshot.h"
#include "variables.h"
#include "worker.h"

struct server server;

/* Output of a worker script that starts has no client: it is logged. */
static size_t write_output(const char *data, size_t length)
{
	if (server.has_request) {
		response_write(server.response, data, length);
	} else {
		log_line("the script printed outside of a request: %.*s", (int)(length > 4096 ? 4096 : length), data);
	}
	return length;
}

static void flush_output(void *context)
{
	(void)context;
	if (!server.has_request) {
		return;
	}
	sapi_send_headers();
	response_flush(server.response);
}

static int send_headers(sapi_headers_struct *headers)
{
	if (server.has_request && !response_is_finished(server.response)) {
		zend_llist_position position;
		response_status(server.response, headers->http_response_code);
		for (sapi_header_struct *header = zend_llist_get_first_ex(&headers->headers, &position); header != NULL;
			header = zend_llist_get_next_ex(&headers->headers, &position)) {
			response_header(server.response, header->header, header->header_len, headers->http_status_line == NULL);
		}
	}
	return SAPI_HEADER_SENT_SUCCESSFULLY;
}

static size_t read_post(char *buffer, size_t length)
{
	/* The body of the last request is not that of a worker script that starts. */
	if (!server.has_request) {
		return 0;
	}
	size_t done = (size_t)SG(read_post_bytes);
	size_t left = server.request.body_length > done ? server.request.body_length - done : 0;
	if (length > left) {
		length = left;
	}
	memcpy(buffer, server.request.body + done, length);
	return length;
}

static char *read_cookies(void)
{
	return *server.request.cookies == '\0' ? NULL : (char *)server.request.cookies;
}

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* Returns Lambda's name for a level of syslog's. */
static const char *level_of(const char *message, int level)
{
	/* An uncaught exception in worker mode is a warning of PHP's, as the script goes on. */
	if (level == LOG_WARNING && !begins_with(message, "PHP Warning:  Uncaught ")) {
		return "WARN";
	}
	/* error_log() has the level of notices. */
	if (level == LOG_NOTICE && begins_with(message, "PHP Notice: ")) {
		return "WARN";
	}
	return level == LOG_INFO ? "INFO" : "ERROR";
}

static void log_message(php_text message, int level)
{
	if (server.has_request) {
		log_invocation(server.slot->id, level_of(message, level), "%s\t%s", server.slot->what, message);
	} else {
		log_line("%s", message);
	}
}

static void register_variables(zval *array)
{
	php_import_environment_variables(array);
	for (const struct variable *variable = variables(); variable->name != NULL; variable++) {
		char *value = (char *)variable->value;
		size_t length = strlen(value);
		if (sapi_module.input_filter(PARSE_SERVER, (char *)variable->name, &value, length, &length)) {
			php_register_variable_safe((char *)variable->name, value, length, array);
		}
	}
}

/* Lets getenv() find the variables of the request, as in FPM. */
static char *find_variable(php_text name, size_t length)
{
	(void)length;
	for (const struct variable *variable = variables(); variable->name != NULL; variable++) {
		if (strcmp(variable->name, name) == 0) {
			return (char *)variable->value;
		}
	}
	return NULL;
}

/* Called when PHP has written sessions and run destructors, and before it frees its memory: nobody waits for that. */
static int deactivate(void)
{
	if (server.is_forked) {
		_exit(EG(exit_status));
	}
	if (server.has_request) {
		/* What a fatal error leaves; its message is in the log. */
		if (EG(exit_status) == 255 && response_is_begun(server.response)) {
			response_fail(server.response, 500, "PHP ended the request with a fatal error");
		}
		response_finish(server.response);
	}
	return SUCCESS;
}

static int startup(sapi_module_struct *module)
{
	return start_modules(module);
}

/*
 * The name is one that opcache and frameworks know: opcache has a list of the SAPIs that it works for, and frameworks tell a
 * web server from the command line by it.
 */
static sapi_module_struct lambda_module = {
	.name = (char *)"fpm-fcgi",
	.pretty_name = (char *)"Lambda (layersmith)",
	.startup = startup,
	.shutdown = php_module_shutdown_wrapper,
	.deactivate = deactivate,
	.ub_write = write_output,
	.flush = flush_output,
	.sapi_error = php_error,
	.send_headers = send_headers,
	.read_post = read_post,
	.read_cookies = read_cookies,
	.register_server_variables = register_variables,
	.getenv = find_variable,
	.log_message = log_message,
	.phpinfo_as_text = 0,
};

bool server_start(const struct settings *settings)
{
	server.settings = settings;
	lambda_module.additional_functions = lambda_functions;
	lambda_module.executable_location = (char *)"/opt/bin/php";
#ifdef ZEND_SIGNALS
	zend_signal_startup();
#endif
	/* Which forgets settings. */
	sapi_startup(&lambda_module);
	lambda_module.ini_entries = (char *)settings->ini;
	return lambda_module.startup(&lambda_module) == SUCCESS;
}

static void describe_request(void)
{
	struct slot *slot = server.slot;
	snprintf(slot->what, sizeof slot->what, "%s %s", server.request.method, server.request.uri);
	slot->format = server.request.format;
}

static void refuse_event(const char *type, const char *reason)
{
	log_invocation(server.slot->id, "ERROR", "%s", reason);
	server.slot->work = WORK_ANSWERING;
	respond_with_error(server.api, server.slot->id, type, reason);
}

/* Takes the next event. Returns false for one that is no request, which is answered. */
static bool take_event(void)
{
	server.slot->work = WORK_WAITING;
	if (!api_next(server.api, &server.invocation)) {
		_exit(1);
	}
	/* From here on, the supervisor answers if this process ends. */
	snprintf(server.slot->id, sizeof server.slot->id, "%s", server.invocation.id);
	snprintf(server.slot->what, sizeof server.slot->what, "an event");
	server.slot->format = EVENT_OTHER;
	server.slot->work = WORK_BUSY;
	const char *problem = event_read(&server.arena, server.invocation.event, server.invocation.event_length, &server.request);
	if (problem != NULL) {
		refuse_event("Runtime.InvalidEvent", problem);
		return false;
	}
	if (server.request.format == EVENT_OTHER) {
		if (server.settings->event_handler != NULL) {
			snprintf(server.slot->what, sizeof server.slot->what, "event for %s", server.settings->event_handler);
			event_handler_invoke(server.api, &server.invocation, server.settings->event_handler);
			return false;
		}
		const char *message = "the event is not an HTTP request of API Gateway, a function URL or a load balancer; LAYERSMITH_EVENT_HANDLER can name a "
				      "handler for others";
		refuse_event("Runtime.NotHttp", message);
		return false;
	}
	return true;
}

/* What PHP reads of the request before it starts. */
static void describe_to_php(const struct http_request *request)
{
	SG(request_info).request_method = request->method;
	SG(request_info).query_string = (char *)request->query;
	SG(request_info).request_uri = (char *)request->uri;
	SG(request_info).path_translated = (char *)server.settings->script;
	SG(request_info).content_type = request->content_type;
	SG(request_info).content_length = (zend_long)request->body_length;
	SG(sapi_headers).http_response_code = 200;
	SG(server_context) = &server;
	const char *authorization = request_header(request, "authorization");
	php_handle_auth_data(*authorization == '\0' ? NULL : authorization);
}

void server_wait(void)
{
	if (server.waits_for_restore) {
		server.waits_for_restore = false;
		snapshot_wait(server.api, server.slot);
	}
	do {
		variables_forget();
		arena_free(&server.arena);
	} while (!take_event());
	describe_request();
	response_start(server.response, server.settings->streamed);
	if (strcmp(server.request.method, "HEAD") == 0) {
		response_keep_length(server.response);
	}
	server.has_request = true;
	context_set(&server.invocation);
	set_trace_id(server.invocation.trace_id);
	deadline_set(server.invocation.deadline_ms);
	describe_to_php(&server.request);
}

void server_end(void)
{
	deadline_clear();
	response_finish(server.response);
	server.has_request = false;
	context_set(NULL);
	variables_forget();
	SG(server_context) = NULL;
}

/* Makes the folder of the script the working directory. PHP would change it, and back, for each request. */
static void enter_document_root(void)
{
	char current[PATH_MAX];
	SG(options) |= SAPI_OPTION_NO_CHDIR;
	if (getcwd(current, sizeof current) == NULL || strcmp(current, server.settings->document_root) != 0) {
		(void)!chdir(server.settings->document_root);
	}
}

/* Runs the script as one request of PHP: for one event, or as a worker that waits for many. */
static void run_script(void)
{
	zend_file_handle script;
	if (php_request_startup() == FAILURE) {
		log_line("PHP cannot start a request");
		if (server.has_request) {
			response_fail(server.response, 500, "PHP cannot start a request");
		}
		/* Half of PHP has started, which cannot be ended. */
		_exit(1);
	}
	enter_document_root();
	open_script(&script, server.settings->script);
	php_execute_script(&script);
	close_script(&script);
	php_request_shutdown(NULL);
}

static void describe_start_to_php(void)
{
	memset(&SG(request_info), 0, sizeof SG(request_info));
	SG(request_info).path_translated = (char *)server.settings->script;
	SG(sapi_headers).http_response_code = 200;
	SG(server_context) = NULL;
}

static void forget_request(void)
{
	server.is_forked = true;
	server.has_request = false;
}

void server_run(struct runtime_api *api, struct slot *slot, bool waits_for_restore)
{
	server.api = api;
	server.slot = slot;
	server.response = response_create(api, slot);
	deadline_init(slot);
	pthread_atfork(NULL, NULL, forget_request);
	server.waits_for_restore = waits_for_restore;
	for (;;) {
		if (!server.settings->is_worker) {
			server_wait();
			run_script();
			server_end();
			continue;
		}
		describe_start_to_php();
		worker_start();
		run_script();
		server_end();
		if (!worker_has_waited()) {
			log_line("%s ended before it called frankenphp_handle_request(): a worker script calls it in a loop", server.settings->script);
			_exit(1);
		}
	}
}
