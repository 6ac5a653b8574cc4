#include "compat.h"
#include "function.h"

#include <ext/json/php_json.h>
#include <ext/standard/base64.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zend_closures.h>
#include <zend_generators.h>
#include <zend_smart_str.h>

#include "call.h"
#include "context.h"
#include "environment.h"
#include "log.h"
#include "response.h"
#include "state.h"

/* In lower case, as PHP keeps names. */
#define NAMESPACE "layersmith\\bootstrap\\"
/* Deeper JSON is refused in events and results. */
#define MAX_DEPTH 2048
/* Freed at the memory limit, so that the error can be reported. Its pages are not touched. */
#define RESERVED_BYTES 524288
#define EVENT_OPTIONS (PHP_JSON_OBJECT_AS_ARRAY | PHP_JSON_BIGINT_AS_STRING | PHP_JSON_THROW_ON_ERROR)
#define RESULT_OPTIONS (PHP_JSON_UNESCAPED_SLASHES | PHP_JSON_UNESCAPED_UNICODE | PHP_JSON_PRESERVE_ZERO_FRACTION)

enum phase {
	PHASE_INIT, /* The handler is loaded. */
	PHASE_IDLE, /* Between two invocations, or after all is reported. */
	PHASE_BUSY, /* With an invocation that has no answer. */
};

static struct {
	struct runtime_api *api;
	enum phase phase;
	pid_t pid;
	void *reserve;
	zend_fcall_info handler;
	zend_fcall_info_cache handler_cache;
	zval closure;
	zval load;
	zval context;
	char id[MAX_REQUEST_ID];
	/* A streamed answer: it begins with its first bytes, or at its end. */
	bool is_stream;
	bool is_begun;
	bool is_lost;
	zend_string *content_type;
	zend_string *prelude;
} function;

/* A status of 500 and more is the end of the process, says the Runtime API. 0 is a lost connection, which is logged. */
static void check_status(int status)
{
	if (status >= 500) {
		exit_script(1);
	}
}

/* Sends the answer of the invocation, or of the init if there was none yet. */
static void post(const char *end, const char *headers, const char *body, size_t length)
{
	char path[192];
	if (*function.id == '\0') {
		snprintf(path, sizeof path, "init/%s", end);
	} else {
		snprintf(path, sizeof path, "invocation/%s/%s", function.id, end);
	}
	check_status(api_post(function.api, path, headers, body, length));
}

static void begin_stream(void)
{
	char path[192];
	struct arena arena = { 0 };
	if (function.is_begun) {
		return;
	}
	function.is_begun = true;
	snprintf(path, sizeof path, "invocation/%s/response", function.id);
	const char *headers = arena_format(&arena, "Content-Type: %s\r\n" STREAM_LINES, ZSTR_VAL(function.content_type));
	function.is_lost = !api_begin(function.api, path, headers) ||
		!api_chunk(function.api, ZSTR_VAL(function.prelude), ZSTR_LEN(function.prelude));
	arena_free(&arena);
	if (function.is_lost) {
		log_line("%s: the connection to the Runtime API was lost", path);
	}
}

static void end_stream(const char *trailers)
{
	function.is_stream = false;
	begin_stream();
	if (!function.is_lost) {
		check_status(api_end(function.api, trailers));
	}
}

static void call_own(const char *name, zval *result, uint32_t count, zval *arguments)
{
	char whole[64];
	zval loaded;
	snprintf(whole, sizeof whole, NAMESPACE "%s", name);
	if (!has_function(whole)) {
		call_user_function(EG(function_table), NULL, &function.load, &loaded, 0, NULL);
		zval_ptr_dtor(&loaded);
	}
	call_function(whole, result, count, arguments);
}

static void report_failure(zval *type_and_json)
{
	struct arena arena = { 0 };
	zval *type = Z_TYPE_P(type_and_json) == IS_ARRAY ? zend_hash_index_find(Z_ARRVAL_P(type_and_json), 0) : NULL;
	zval *json = type == NULL ? NULL : zend_hash_index_find(Z_ARRVAL_P(type_and_json), 1);
	bool is_init = function.phase == PHASE_INIT;
	function.phase = PHASE_IDLE;
	if (json == NULL || Z_TYPE_P(type) != IS_STRING || Z_TYPE_P(json) != IS_STRING) {
		/* PHP could not even make a report of it. */
		const char *reason = "PHP ended";
		is_init ? respond_with_init_error(function.api, "Runtime.ExitError", reason) : respond_with_error(function.api, function.id, "Runtime.ExitError", reason);
		return;
	}
	log_invocation(is_init ? "init" : function.id, "ERROR", "Invoke Error\t%s", Z_STRVAL_P(json));
	if (function.is_stream && function.is_begun) {
		zend_string *body = php_base64_encode((const unsigned char *)Z_STRVAL_P(json), Z_STRLEN_P(json));
		end_stream(arena_format(&arena, ERROR_TYPE ": %s\r\n" ERROR_BODY ": %s\r\n", Z_STRVAL_P(type), ZSTR_VAL(body)));
		zend_string_release(body);
	} else {
		const char *headers = arena_format(&arena, "Content-Type: application/json\r\n" ERROR_TYPE ": %s\r\n", Z_STRVAL_P(type));
		post("error", headers, Z_STRVAL_P(json), Z_STRLEN_P(json));
	}
	arena_free(&arena);
}

/* Reports the exception of the init or the invocation. */
static void fail(void)
{
	zval arguments[2], report;
	if (!take_exception(&arguments[0])) {
		return;
	}
	ZVAL_BOOL(&arguments[1], function.phase == PHASE_INIT);
	call_own("failure", &report, 2, arguments);
	state_flush_output();
	report_failure(&report);
	zval_ptr_dtor(&report);
	zval_ptr_dtor(&arguments[0]);
}

/* Reports an event that is no JSON. */
static void refuse_event(void)
{
	zval exception, arguments[2], report;
	if (!take_exception(&exception)) {
		return;
	}
	zend_string *message = exception_message(&exception);
	ZVAL_STRING(&arguments[0], "Runtime.UnmarshalError");
	ZVAL_STR(&arguments[1], strpprintf(0, "the event is not JSON: %s", ZSTR_VAL(message)));
	zend_string_release(message);
	call_own("refusal", &report, 2, arguments);
	report_failure(&report);
	zval_ptr_dtor(&report);
	zval_ptr_dtor(&arguments[0]);
	zval_ptr_dtor(&arguments[1]);
	zval_ptr_dtor(&exception);
}

static bool is_streamed(zval *result)
{
	if (Z_TYPE_P(result) != IS_OBJECT) {
		return false;
	}
	zend_class_entry *class = Z_OBJCE_P(result);
	return class == zend_ce_generator || class == zend_ce_closure || strcmp(ZSTR_VAL(class->name), "Layersmith\\StreamedResponse") == 0;
}

static void answer_with_stream(zval *result)
{
	zval nothing;
	function.is_stream = true;
	function.is_begun = function.is_lost = false;
	call_own("send_stream", &nothing, 1, result);
	if (EG(exception) == NULL) {
		state_flush_output();
	}
	if (EG(exception) == NULL) {
		function.phase = PHASE_IDLE;
		end_stream("");
	} else if (is_exit(EG(exception))) {
		/* The stream goes on until the script ends, which tells of it. */
		return;
	} else {
		fail();
	}
	function.is_stream = false;
	if (function.content_type != NULL) {
		zend_string_release(function.content_type);
		zend_string_release(function.prelude);
		function.content_type = function.prelude = NULL;
	}
}

static void answer_with(const char *headers, const char *body, size_t length)
{
	state_flush_output();
	if (EG(exception) != NULL) {
		return;
	}
	function.phase = PHASE_IDLE;
	post("response", headers, body, length);
}

static void answer(zval *result)
{
	smart_str json = { 0 };
	zval nothing;
	if (Z_TYPE_P(result) == IS_STRING) {
		answer_with("Content-Type: application/octet-stream\r\n", Z_STRVAL_P(result), Z_STRLEN_P(result));
		return;
	}
	if (is_streamed(result)) {
		answer_with_stream(result);
		return;
	}
	php_json_encode_ex(&json, result, RESULT_OPTIONS, MAX_DEPTH);
	if (EG(exception) == NULL && JSON_G(error_code) != PHP_JSON_ERROR_NONE) {
		call_own("encode_fault", &nothing, 1, result);
		zval_ptr_dtor(&nothing);
	}
	if (EG(exception) != NULL) {
		fail();
	} else {
		smart_str_0(&json);
		answer_with("Content-Type: application/json\r\n", ZSTR_VAL(json.s), ZSTR_LEN(json.s));
	}
	smart_str_free(&json);
}

/* Forgets the last error, of which PHP's functions and the report of exit() would tell. */
static void forget_last_error(void)
{
	zval nothing;
	if (PG(last_error_message) != NULL) {
		call_function("error_clear_last", &nothing, 0, NULL);
		zval_ptr_dtor(&nothing);
	}
}

static void end_invocation(void)
{
	context_set_object(NULL);
	zval_ptr_dtor(&function.context);
}

static void invoke(const struct invocation *invocation)
{
	zval arguments[2], result;
	snprintf(function.id, sizeof function.id, "%s", invocation->id);
	function.phase = PHASE_BUSY;
	forget_last_error();
	context_create(&function.context, invocation);
	context_set_object(&function.context);
	state_begin(invocation->trace_id);
	php_json_decode_ex(&arguments[0], (char *)invocation->event, invocation->event_length, EVENT_OPTIONS, MAX_DEPTH);
	api_forget_event(function.api);
	if (EG(exception) != NULL) {
		refuse_event();
		end_invocation();
		return;
	}
	ZVAL_COPY(&arguments[1], &function.context);
	for (uint32_t i = 0; i < 2; i++) {
		if (ARG_SHOULD_BE_SENT_BY_REF(function.handler_cache.function_handler, i + 1)) {
			ZVAL_MAKE_REF(&arguments[i]);
		}
	}
	ZVAL_NULL(&result);
	function.handler.retval = &result;
	function.handler.params = arguments;
	function.handler.param_count = 2;
	zend_call_function(&function.handler, &function.handler_cache);
	zval_ptr_dtor(&arguments[0]);
	zval_ptr_dtor(&arguments[1]);
	if (EG(exception) != NULL) {
		fail();
	} else {
		zval *value = &result;
		ZVAL_DEREF(value);
		answer(value);
	}
	zval_ptr_dtor(&result);
	end_invocation();
}

/* Loads the handler. Returns false if it is reported that there is none, or the script ends. */
static bool load_handler(zval *find)
{
	zval root;
	const char *folder = task_root();
	(void)!chdir(folder);
	ZVAL_STRING(&root, folder);
	ZVAL_NULL(&function.closure);
	call_user_function(EG(function_table), NULL, find, &function.closure, 1, &root);
	zval_ptr_dtor(&root);
	if (EG(exception) != NULL) {
		fail();
		if (EG(exception) == NULL) {
			exit_script(1);
		}
		return false;
	}
	return zend_fcall_info_init(&function.closure, 0, &function.handler, &function.handler_cache, NULL, NULL) == SUCCESS;
}

/* Is called when the script ends, whatever the reason: reports what it interrupts. */
static PHP_FUNCTION(shut_down)
{
	zval arguments[2], report;
	if (zend_parse_parameters_none() == FAILURE || getpid() != function.pid) {
		/* A process that the function forked. */
		return;
	}
	efree(function.reserve);
	change_setting("memory_limit", "-1");
	change_setting("max_execution_time", "0");
	EG(exit_status) = 1;
	if (function.phase == PHASE_IDLE) {
		return;
	}
	call_function("error_get_last", &arguments[0], 0, NULL);
	ZVAL_BOOL(&arguments[1], function.phase == PHASE_INIT);
	state_flush_output();
	call_own("ending", &report, 2, arguments);
	report_failure(&report);
	zval_ptr_dtor(&report);
	zval_ptr_dtor(&arguments[0]);
}

static void register_shut_down(void)
{
	zval name, nothing;
	ZVAL_STRING(&name, NAMESPACE "shut_down");
	call_function("register_shutdown_function", &nothing, 1, &name);
	zval_ptr_dtor(&name);
	zval_ptr_dtor(&nothing);
}

static PHP_FUNCTION(serve)
{
	zval *find, *load;
	struct invocation invocation;
	ZEND_PARSE_PARAMETERS_START(2, 2)
	Z_PARAM_ZVAL(find)
	Z_PARAM_ZVAL(load)
	ZEND_PARSE_PARAMETERS_END();
	function.phase = PHASE_INIT;
	function.pid = getpid();
	function.reserve = emalloc(RESERVED_BYTES);
	ZVAL_COPY(&function.load, load);
	log_to_own_file();
	state_open_output();
	state_limit_memory();
	register_shut_down();
	if (!load_handler(find)) {
		return;
	}
	state_save();
	function.phase = PHASE_IDLE;
	while (EG(exception) == NULL) {
		if (!api_next(function.api, &invocation)) {
			exit_script(1);
			return;
		}
		invoke(&invocation);
		if (EG(exception) == NULL) {
			state_restore();
		}
	}
}

static PHP_FUNCTION(open_stream)
{
	ZEND_PARSE_PARAMETERS_START(2, 2)
	Z_PARAM_STR(function.content_type)
	Z_PARAM_STR(function.prelude)
	ZEND_PARSE_PARAMETERS_END();
	zend_string_addref(function.content_type);
	zend_string_addref(function.prelude);
}

static PHP_FUNCTION(write_stream)
{
	zend_string *bytes;
	ZEND_PARSE_PARAMETERS_START(1, 1)
	Z_PARAM_STR(bytes)
	ZEND_PARSE_PARAMETERS_END();
	if (!function.is_stream || ZSTR_LEN(bytes) == 0 || function.is_lost || getpid() != function.pid) {
		return;
	}
	begin_stream();
	if (!function.is_lost && !api_chunk(function.api, ZSTR_VAL(bytes), ZSTR_LEN(bytes))) {
		function.is_lost = true;
		log_line("invocation/%s/response: the connection to the Runtime API was lost", function.id);
	}
}

ZEND_BEGIN_ARG_INFO_EX(no_arguments, 0, 0, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(one_argument, 0, 0, 1)
ZEND_ARG_INFO(0, bytes)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(two_arguments, 0, 0, 2)
ZEND_ARG_INFO(0, first)
ZEND_ARG_INFO(0, second)
ZEND_END_ARG_INFO()

static const zend_function_entry functions[] = {
	ZEND_NS_FE("Layersmith\\Bootstrap", serve, two_arguments)
	ZEND_NS_FE("Layersmith\\Bootstrap", shut_down, no_arguments)
	ZEND_NS_FE("Layersmith\\Bootstrap", open_stream, two_arguments)
	ZEND_NS_FE("Layersmith\\Bootstrap", write_stream, one_argument)
	ZEND_FE_END
};

void function_register(struct runtime_api *api)
{
	function.api = api;
	context_register(api == NULL ? NULL : functions);
}
