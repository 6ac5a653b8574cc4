#include "worker.h"

#include <ext/session/php_session.h>
#include <php_output.h>
#include <php_variables.h>

#include "log.h"
#include "server.h"

static bool has_waited;
static long handled;

void worker_start(void)
{
	has_waited = false;
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

/* Modules that keep something of a request do not see its end, nor the next one's beginning, in a script that goes on. */
static void end_module(const char *name)
{
	zend_module_entry *module = module_named(name);
	if (module != NULL && module->request_shutdown_func != NULL) {
		zend_try {
			module->request_shutdown_func(module->type, module->module_number);
		} zend_end_try();
	}
}

/*
 * A session handler of the script's own (session_set_save_handler()) stays, as frameworks set it once. PHP would forget its
 * functions, but not that there are some (session.save_handler is "user").
 */
static zval session_handler[sizeof PS(mod_user_names) / sizeof(zval)];

static void end_session(void)
{
	const zval *functions = (const zval *)&PS(mod_user_names);
	for (size_t i = 0; i < sizeof session_handler / sizeof(zval); i++) {
		ZVAL_COPY(&session_handler[i], &functions[i]);
	}
	end_module("session");
	memcpy(&PS(mod_user_names), session_handler, sizeof session_handler);
}

static void begin_module(const char *name)
{
	zend_module_entry *module = module_named(name);
	if (module != NULL && module->request_startup_func != NULL) {
		module->request_startup_func(module->type, module->module_number);
	}
}

/* Ends what PHP does for a request, but not the script. It is what php_request_shutdown() does about output and the SAPI. */
static void end_request(void)
{
	zend_try {
		php_output_end_all();
	} zend_end_try();
	end_session();
	end_module("filter");
	zend_try {
		php_output_deactivate();
	} zend_end_try();
	zend_hash_str_del(&EG(symbol_table), ZEND_STRL("_SESSION"));
	sapi_deactivate();
	if (server.has_request) {
		server_end();
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
	if (PG(output_handler) && PG(output_handler)[0]) {
		zval handler;
		ZVAL_STRING(&handler, PG(output_handler));
		php_output_start_user(&handler, 0, PHP_OUTPUT_HANDLER_STDFLAGS);
		zval_ptr_dtor(&handler);
	} else if (PG(output_buffering)) {
		php_output_start_user(NULL, PG(output_buffering) > 1 ? PG(output_buffering) : 0, PHP_OUTPUT_HANDLER_STDFLAGS);
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
		zend_user_exception_handler();
	}
	if (EG(exception) != NULL && !is_exit(EG(exception))) {
		zend_exception_error(EG(exception), E_WARNING);
	}
}

bool worker_handle_request(zend_fcall_info *callback, zend_fcall_info_cache *cache)
{
	zval result;
	if (!has_waited) {
		/* The request in which the script started, which nobody sent. */
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
	bool called = zend_call_function(callback, cache) == SUCCESS;
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
