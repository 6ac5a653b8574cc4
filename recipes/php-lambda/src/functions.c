#include "functions.h"

#include <ctype.h>
#include <ext/standard/head.h>
#include <php_output.h>

#include "server.h"
#include "worker.h"

/* Sends the answer now. What the script does afterwards, nobody waits for; what it prints is dropped. */
static PHP_FUNCTION(fastcgi_finish_request)
{
	if (zend_parse_parameters_none() == FAILURE) {
		return;
	}
	if (!server.has_request || response_is_finished(server.response)) {
		RETURN_FALSE;
	}
	php_output_end_all();
	php_header();
	response_finish(server.response);
	RETURN_TRUE;
}

/* Returns the request's headers, with names as they are usually written. */
static PHP_FUNCTION(apache_request_headers)
{
	char name[256];
	if (zend_parse_parameters_none() == FAILURE) {
		return;
	}
	array_init(return_value);
	for (size_t i = 0; server.has_request && i < server.request.header_count; i++) {
		const struct http_header *header = &server.request.headers[i];
		bool is_start = true;
		snprintf(name, sizeof name, "%s", header->name);
		for (char *at = name; *at != '\0'; at++) {
			*at = is_start ? (char)toupper((unsigned char)*at) : *at;
			is_start = *at == '-';
		}
		add_assoc_string(return_value, name, (char *)header->value);
	}
	if (!server.has_request) {
		return;
	}
	/* What is no header of the event. */
	if (*server.request.cookies != '\0') {
		add_assoc_string(return_value, "Cookie", (char *)server.request.cookies);
	}
	if (server.request.body_length > 0) {
		snprintf(name, sizeof name, "%zu", server.request.body_length);
		add_assoc_string(return_value, "Content-Length", name);
	}
}

static PHP_FUNCTION(handle_request)
{
	zend_fcall_info callback;
	zend_fcall_info_cache cache;
	ZEND_PARSE_PARAMETERS_START(1, 1)
	Z_PARAM_FUNC(callback, cache)
	ZEND_PARSE_PARAMETERS_END();
	if (!server.settings->is_worker) {
		zend_throw_error(NULL, "There are no requests to handle in web mode: set LAYERSMITH_MODE=worker");
		return;
	}
	RETURN_BOOL(worker_handle_request(&callback, &cache));
}

ZEND_BEGIN_ARG_INFO_EX(no_arguments, 0, 0, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(callback_argument, 0, 0, 1)
ZEND_ARG_INFO(0, callback)
ZEND_END_ARG_INFO()

/* Frameworks look for the names of FPM and FrankenPHP. */
const zend_function_entry lambda_functions[] = {
	ZEND_FE(fastcgi_finish_request, no_arguments)
	ZEND_NAMED_FE(frankenphp_finish_request, zif_fastcgi_finish_request, no_arguments)
	ZEND_FE(apache_request_headers, no_arguments)
	ZEND_NAMED_FE(getallheaders, zif_apache_request_headers, no_arguments)
	ZEND_NAMED_FE(frankenphp_handle_request, zif_handle_request, callback_argument)
	ZEND_NAMED_FE(layersmith_handle_request, zif_handle_request, callback_argument)
	ZEND_FE_END
};
