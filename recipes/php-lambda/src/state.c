#include "compat.h"
#include "state.h"

#include <ext/session/php_session.h>
#include <limits.h>
#include <php_output.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "call.h"
#include "environment.h"
#include "log.h"

/* Memory that memory_limit does not include, in MB: the program, its libraries, an event. */
#define MEMORY_FOR_PHP 32
/* How many handlers of errors a function may have set that are taken away again. */
#define MAX_HANDLERS 50
#define TRACE_ID "_X_AMZN_TRACE_ID"

/* A superglobal of variables. */
struct variables {
	zval saved;
	zval given; /* The array that the current invocation has got. */
};

static struct {
	zval error_handler;
	zval exception_handler;
	int error_reporting;
	char folder[PATH_MAX];
	mode_t umask;
	zval timezone;
	zend_long time_limit;
	struct variables server;
	struct variables environment;
	bool has_libxml;
	zval libxml_errors;
} saved;

/* Logs an exception of what was done, and forgets it. That of exit() stays. */
static void log_exception(const char *what)
{
	zval exception;
	if (!take_exception(&exception)) {
		return;
	}
	zend_string *message = exception_message(&exception);
	log_line("%s: %s", what, ZSTR_VAL(message));
	zend_string_release(message);
	zval_ptr_dtor(&exception);
}

static int write_to_log(void **opaque, php_output_context *output)
{
	(void)opaque;
	log_bytes(output->in.data, output->in.used);
	/* Nothing is left for standard output. */
	return SUCCESS;
}

void state_open_output(void)
{
	php_output_handler *handler = php_output_handler_create_internal(ZEND_STRL("Lambda's log"), (php_output_handler_context_func_t)(void (*)(void))write_to_log,
		1, PHP_OUTPUT_HANDLER_STDFLAGS);
	php_output_handler_start(handler);
}

void state_flush_output(void)
{
	for (int level = php_output_get_level(); level > 1; level = MIN(level - 1, php_output_get_level())) {
		php_output_end();
		log_exception("an output buffer failed");
	}
	if (php_output_get_level() == 0) {
		state_open_output();
	}
}

void state_limit_memory(void)
{
	const char *memory = getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
	int available = memory == NULL ? 0 : atoi(memory);
	char limit[16];
	if (PG(memory_limit) == -1 && available > 2 * MEMORY_FOR_PHP) {
		snprintf(limit, sizeof limit, "%dM", available - MEMORY_FOR_PHP);
		change_setting("memory_limit", limit);
	}
}

static zval *global(const char *name)
{
	zval *value = zend_hash_str_find_ind(&EG(symbol_table), name, strlen(name));
	if (value != NULL) {
		ZVAL_DEREF(value);
	}
	return value;
}

/* Makes a superglobal what it was. */
static void set_global(const char *name, zval *value)
{
	zval *variable = global(name), old;
	if (variable == NULL) {
		Z_TRY_ADDREF_P(value);
		zend_hash_str_update(&EG(symbol_table), name, strlen(name), value);
	} else if (Z_TYPE_P(variable) != Z_TYPE_P(value) || Z_PTR_P(variable) != Z_PTR_P(value)) {
		ZVAL_COPY_VALUE(&old, variable);
		ZVAL_COPY(variable, value);
		zval_ptr_dtor(&old);
	}
}

static void save_variables(const char *name, struct variables *variables)
{
	zend_is_auto_global_str((char *)name, strlen(name));
	zval *variable = global(name);
	ZVAL_UNDEF(&variables->given);
	if (variable == NULL || Z_TYPE_P(variable) != IS_ARRAY) {
		array_init(&variables->saved);
	} else {
		ZVAL_ARR(&variables->saved, zend_array_dup(Z_ARRVAL_P(variable)));
	}
}

static void empty_global(const char *name)
{
	zval *variable = global(name), empty;
	if (variable != NULL && (Z_TYPE_P(variable) != IS_ARRAY || zend_hash_num_elements(Z_ARRVAL_P(variable)) > 0)) {
		ZVAL_EMPTY_ARRAY(&empty);
		set_global(name, &empty);
	}
}

/* Makes a superglobal tell the trace of an invocation, and holds it, so that PHP code that changes it makes another array. */
static void give_variables(const char *name, struct variables *variables, const char *trace_id)
{
	zval *variable = global(name), text;
	zval_ptr_dtor(&variables->given);
	ZVAL_UNDEF(&variables->given);
	if (variable == NULL || Z_TYPE_P(variable) != IS_ARRAY) {
		return;
	}
	SEPARATE_ARRAY(variable);
	if (*trace_id == '\0') {
		zend_hash_str_del(Z_ARRVAL_P(variable), ZEND_STRL(TRACE_ID));
	} else {
		ZVAL_STRING(&text, trace_id);
		zend_hash_str_update(Z_ARRVAL_P(variable), ZEND_STRL(TRACE_ID), &text);
	}
	ZVAL_COPY(&variables->given, variable);
}

/* Makes a superglobal what it was when it was saved, if PHP code has changed it. */
static void restore_variables(const char *name, struct variables *variables)
{
	zval *variable = global(name), copy;
	bool is_array = variable != NULL && Z_TYPE_P(variable) == IS_ARRAY && Z_TYPE(variables->given) == IS_ARRAY;
	if (!is_array || Z_ARR_P(variable) != Z_ARR(variables->given)) {
		ZVAL_ARR(&copy, zend_array_dup(Z_ARRVAL(variables->saved)));
		set_global(name, &copy);
		zval_ptr_dtor(&copy);
	}
}

void state_save(void)
{
	ZVAL_COPY(&saved.error_handler, &EG(user_error_handler));
	ZVAL_COPY(&saved.exception_handler, &EG(user_exception_handler));
	saved.error_reporting = EG(error_reporting);
	if (getcwd(saved.folder, sizeof saved.folder) == NULL) {
		*saved.folder = '\0';
	}
	saved.umask = umask(0);
	umask(saved.umask);
	call_function("date_default_timezone_get", &saved.timezone, 0, NULL);
	saved.time_limit = EG(timeout_seconds);
	save_variables("_SERVER", &saved.server);
	save_variables("_ENV", &saved.environment);
	saved.has_libxml = has_function("libxml_use_internal_errors");
	if (saved.has_libxml) {
		call_function("libxml_use_internal_errors", &saved.libxml_errors, 0, NULL);
	}
}

static void set_time_limit(zend_long seconds)
{
	zval limit, result;
	ZVAL_LONG(&limit, seconds);
	call_function("set_time_limit", &result, 1, &limit);
	zval_ptr_dtor(&result);
}

void state_begin(const char *trace_id)
{
	if (saved.time_limit != 0) {
		set_time_limit(saved.time_limit);
	}
	set_trace_id(trace_id);
	give_variables("_SERVER", &saved.server, trace_id);
	give_variables("_ENV", &saved.environment, trace_id);
}

static void restore_session(void)
{
	zval empty, result;
	if (PS(session_status) != php_session_active) {
		return;
	}
	call_function("session_write_close", &result, 0, NULL);
	zval_ptr_dtor(&result);
	ZVAL_EMPTY_STRING(&empty);
	call_function("session_id", &result, 1, &empty);
	zval_ptr_dtor(&result);
	ZVAL_EMPTY_ARRAY(&empty);
	set_global("_SESSION", &empty);
}

static void restore_values(void)
{
	char folder[PATH_MAX];
	zval result;
	if (*saved.folder != '\0' && (getcwd(folder, sizeof folder) == NULL || strcmp(folder, saved.folder) != 0)) {
		(void)!chdir(saved.folder);
	}
	umask(saved.umask);
	call_function("date_default_timezone_get", &result, 0, NULL);
	if (!zend_is_identical(&result, &saved.timezone)) {
		zval_ptr_dtor(&result);
		call_function("date_default_timezone_set", &result, 1, &saved.timezone);
	}
	zval_ptr_dtor(&result);
	if (saved.has_libxml) {
		call_function("libxml_use_internal_errors", &result, 1, &saved.libxml_errors);
		zval_ptr_dtor(&result);
		call_function("libxml_clear_errors", &result, 0, NULL);
		zval_ptr_dtor(&result);
	}
	alarm(0);
	restore_variables("_SERVER", &saved.server);
	restore_variables("_ENV", &saved.environment);
	empty_global("_GET");
	empty_global("_POST");
	empty_global("_COOKIE");
	empty_global("_FILES");
	empty_global("_REQUEST");
	if (zend_llist_count(&SG(sapi_headers).headers) > 0) {
		sapi_header_op(SAPI_HEADER_DELETE_ALL, NULL);
	}
	restore_session();
}

/* Takes handlers away, or puts the saved one back, until it is the current one. */
static void restore_handler(zval *current, zval *wanted, const char *set, const char *restore)
{
	zval result;
	for (int count = 0; count < MAX_HANDLERS && EG(exception) == NULL; count++) {
		if (Z_TYPE_P(current) == IS_UNDEF ? Z_TYPE_P(wanted) == IS_UNDEF : Z_TYPE_P(wanted) != IS_UNDEF && zend_is_identical(current, wanted)) {
			return;
		}
		if (Z_TYPE_P(current) == IS_UNDEF) {
			call_function(set, &result, 1, wanted);
		} else {
			call_function(restore, &result, 0, NULL);
		}
		zval_ptr_dtor(&result);
	}
}

void state_restore(void)
{
	zval handler;
	if (EG(timeout_seconds) != 0) {
		set_time_limit(0);
	}
	state_flush_output();
	/* The function's handler of errors may throw. */
	ZVAL_COPY_VALUE(&handler, &EG(user_error_handler));
	ZVAL_UNDEF(&EG(user_error_handler));
	EG(error_reporting) = 0;
	restore_values();
	zval_ptr_dtor(&EG(user_error_handler));
	ZVAL_COPY_VALUE(&EG(user_error_handler), &handler);
	log_exception("cleaning up after the invocation");
	restore_handler(&EG(user_error_handler), &saved.error_handler, "set_error_handler", "restore_error_handler");
	restore_handler(&EG(user_exception_handler), &saved.exception_handler, "set_exception_handler", "restore_exception_handler");
	EG(error_reporting) = saved.error_reporting;
}
