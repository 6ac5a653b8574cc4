#include "worker.h"

#include <ext/session/php_session.h>
#include <ext/standard/php_fopen_wrappers.h>
#include <php_output.h>
#include <php_variables.h>

#include "log.h"
#include "server.h"

static bool has_waited;
static bool is_in_callback;
static long handled;

void worker_start(void)
{
	has_waited = false;
	is_in_callback = false;
	handled = 0;
}

bool worker_has_waited(void)
{
	return has_waited;
}

static zend_module_entry *module_named(const char *name)
{
	return zend_hash_str_find_ptr(&module_registry, name, strlen(name));
}

/* Runs a step of a request's end. Returns false if PHP ended it with a fatal error, or because time is over. */
static bool is_done(void (*step)(const char *), const char *name)
{
	bool done = true;
	zend_try {
		step(name);
	} zend_catch {
		done = false;
	} zend_end_try();
	return done;
}

/* Modules that keep something of a request do not see its end, nor the next one's beginning, in a script that goes on. */
static void end_module(const char *name)
{
	zend_module_entry *module = module_named(name);
	if (module != NULL && module->request_shutdown_func != NULL) {
		module->request_shutdown_func(module->type, module->module_number);
	}
}

static void begin_module(const char *name)
{
	zend_module_entry *module = module_named(name);
	if (module != NULL && module->request_startup_func != NULL) {
		module->request_startup_func(module->type, module->module_number);
	}
}

/*
 * A session handler of the script's own (session_set_save_handler()) stays, as frameworks set it once. PHP would forget its
 * functions, but not that there are some (session.save_handler is "user").
 */
static void end_session(const char *name)
{
	static zval functions[sizeof PS(mod_user_names) / sizeof(zval)];
	const zval *current = (const zval *)&PS(mod_user_names);
	for (size_t i = 0; i < sizeof functions / sizeof(zval); i++) {
		ZVAL_COPY(&functions[i], &current[i]);
	}
	end_module(name);
	memcpy(&PS(mod_user_names), functions, sizeof functions);
}

/* An exception that nobody caught costs its request: it is logged, and answered 500 unless headers are sent. */
static void end_with_exception(void)
{
	if (is_exit(EG(exception))) {
		/* exit() ends the script, which starts again. */
		return;
	}
	if (!SG(headers_sent)) {
		SG(sapi_headers).http_response_code = 500;
	}
	if (Z_TYPE(EG(user_exception_handler)) != IS_UNDEF) {
		call_exception_handler();
	}
	if (EG(exception) != NULL && !is_exit(EG(exception))) {
		zend_exception_error(EG(exception), E_WARNING);
	}
}

static void end_output(const char *name)
{
	(void)name;
	php_output_end_all();
	/* One of a function that filters output. */
	if (EG(exception) != NULL) {
		end_with_exception();
	}
}

static void deactivate_output(const char *name)
{
	(void)name;
	php_output_deactivate();
}

/*
 * Closes the request's body, and the streams php://input, which read from it. PHP leaves that to the end of the script. A script that kept one
 * finds it closed.
 */
static void close_body(void)
{
	zend_resource *resource;
	php_stream *body = SG(request_info).request_body;
	ZEND_HASH_FOREACH_PTR(&EG(regular_list), resource) {
		php_stream *stream = resource->type == php_file_le_stream() ? resource->ptr : NULL;
		if (stream != NULL && stream->wrapper == &php_stream_php_wrapper && strcmp(stream->ops->label, "Input") == 0) {
			zend_list_close(resource);
		}
	} ZEND_HASH_FOREACH_END();
	if (body != NULL) {
		SG(request_info).request_body = NULL;
		zend_list_delete(body->res);
	}
}

/* Ends what PHP does for a request, but not the script. It is what php_request_shutdown() does about output and the SAPI. */
static void end_request(void)
{
	bool done = is_done(end_output, NULL);
	done = is_done(end_session, "session") && done;
	done = is_done(end_module, "filter") && done;
	done = is_done(deactivate_output, NULL) && done;
	zend_hash_str_del(&EG(symbol_table), ZEND_STRL("_SESSION"));
	close_body();
	sapi_deactivate();
	if (server.has_request) {
		server_end();
	}
	if (!done) {
		/* After a fatal error nothing of PHP is as it was: the script starts again. */
		zend_bailout();
	}
}

/* Fills a superglobal anew, if the script has been compiled with it or it is always there. */
static void import(const char *name, size_t length, bool always)
{
	zend_auto_global *global = zend_hash_str_find_ptr(CG(auto_globals), name, length);
	if (global != NULL && global->auto_global_callback != NULL && (always || zend_hash_str_exists(&EG(symbol_table), name, length))) {
		global->armed = global->auto_global_callback(global->name);
	}
}

/* Begins a request in a script that runs. It is what php_request_startup() does about output, the SAPI and superglobals. */
static void begin_request(void)
{
	php_output_activate();
	PG(header_is_being_sent) = 0;
	PG(connection_status) = PHP_CONNECTION_NORMAL;
	zval_ptr_dtor_nogc(&PG(http_globals)[TRACK_VARS_FILES]);
	ZVAL_UNDEF(&PG(http_globals)[TRACK_VARS_FILES]);
	sapi_activate();
	if (PG(expose_php)) {
		sapi_add_header(SAPI_PHP_VERSION_HEADER, sizeof(SAPI_PHP_VERSION_HEADER) - 1, 1);
	}
	if (PG(output_handler) && PG(output_handler)[0]) {
		zval handler;
		ZVAL_STRING(&handler, PG(output_handler));
		php_output_start_user(&handler, 0, PHP_OUTPUT_HANDLER_STDFLAGS);
		zval_ptr_dtor(&handler);
	} else if (PG(output_buffering)) {
		php_output_start_user(NULL, PG(output_buffering) > 1 ? PG(output_buffering) : 0, PHP_OUTPUT_HANDLER_STDFLAGS);
	} else if (PG(implicit_flush)) {
		php_output_set_implicit_flush(1);
	}
	/* $_ENV stays: what a framework put there when it started belongs to it. */
	import(ZEND_STRL("_GET"), true);
	import(ZEND_STRL("_POST"), true);
	import(ZEND_STRL("_COOKIE"), true);
	import(ZEND_STRL("_FILES"), true);
	import(ZEND_STRL("_SERVER"), true);
	import(ZEND_STRL("_REQUEST"), false);
	begin_module("filter");
	begin_module("session");
}

bool worker_handle_request(zend_fcall_info *callback, zend_fcall_info_cache *cache)
{
	zval result;
	if (is_in_callback || server.is_forked) {
		zend_throw_error(NULL, "%s() cannot be called %s", get_active_function_name(), server.is_forked ? "by a forked process" : "while it handles a request");
		return false;
	}
	if (!has_waited || server.has_request) {
		/* The request in which the script started, which nobody sent; or one whose exception the script has caught. */
		end_request();
	}
	has_waited = true;
	if (server.settings->max_requests > 0 && handled >= server.settings->max_requests) {
		/* The script ends in a request of its own. */
		php_output_activate();
		sapi_activate();
		return false;
	}
	server_wait();
	begin_request();
	handled++;
	ZVAL_UNDEF(&result);
	callback->retval = &result;
	is_in_callback = true;
	bool called = zend_call_function(callback, cache) == SUCCESS;
	is_in_callback = false;
	zval_ptr_dtor(&result);
	if (EG(exception) != NULL) {
		end_with_exception();
		if (EG(exception) != NULL) {
			return false;
		}
	} else if (!called) {
		log_line("the worker's function cannot be called");
	}
	end_request();
	return true;
}
