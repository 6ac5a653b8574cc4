#include "variables.h"

#include "compat.h"

#include <ctype.h>
#include <ext/standard/url.h>

#include "server.h"

/* How many there are at the most besides those of headers. */
#define MAX_OTHERS 32

static struct variable *list;
static size_t count;

static void add(const char *name, const char *value)
{
	list[count++] = (struct variable){ .name = name, .value = value };
}

static void add_headers(const struct http_request *request)
{
	for (size_t i = 0; i < request->header_count; i++) {
		const struct http_header *header = &request->headers[i];
		if (strcmp(header->name, "cookie") == 0) {
			continue;
		}
		char *name = arena_format(&server.arena, "HTTP_%s", header->name);
		for (char *at = name; *at != '\0'; at++) {
			*at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
		}
		add(name, header->value);
	}
	if (*request->cookies != '\0') {
		add("HTTP_COOKIE", request->cookies);
	}
}

/*
 * What follows the script's name in a path such as /index.php/a/b, decoded. A path without the script's name has no such part: the
 * front controller reads it from REQUEST_URI.
 */
static const char *path_info(const struct http_request *request)
{
	const char *script_name = server.settings->script_name;
	size_t length = strlen(script_name);
	if (strncmp(request->path, script_name, length) != 0 || request->path[length] != '/') {
		return NULL;
	}
	char *info = arena_format(&server.arena, "%s", request->path + length);
	/* Nothing that has a NUL is a path. */
	return php_raw_url_decode(info, strlen(info)) == strlen(info) ? info : NULL;
}

/* The host without its port. */
static const char *server_name(const char *host)
{
	size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	return arena_text(&server.arena, host, length <= strlen(host) ? length : strlen(host));
}

/* The variables of CGI (RFC 3875), as nginx gives them to FPM for a front controller. */
static void add_request(const struct http_request *request)
{
	const struct settings *settings = server.settings;
	const char *info = path_info(request);
	add_headers(request);
	add("PHP_SELF", info == NULL ? settings->script_name : arena_format(&server.arena, "%s%s", settings->script_name, info));
	if (info != NULL) {
		add("PATH_INFO", info);
		add("PATH_TRANSLATED", arena_format(&server.arena, "%s%s", settings->document_root, info));
	}
	add("REQUEST_METHOD", request->method);
	add("REQUEST_URI", request->uri);
	add("QUERY_STRING", request->query);
	add("DOCUMENT_URI", settings->script_name);
	add("CONTENT_TYPE", request->content_type);
	if (request->body_length > 0) {
		const char *length = arena_format(&server.arena, "%zu", request->body_length);
		add("CONTENT_LENGTH", length);
		add("HTTP_CONTENT_LENGTH", length);
	} else {
		add("CONTENT_LENGTH", "");
	}
	add("SERVER_PROTOCOL", request->protocol);
	add("SERVER_PORT", request->port);
	add("SERVER_NAME", server_name(request->host));
	add("REQUEST_SCHEME", request->https ? "https" : "http");
	if (request->https) {
		add("HTTPS", "on");
	}
	add("REMOTE_ADDR", request->source_ip);
	add("LAMBDA_REQUEST_CONTEXT", request->context);
	add("LAMBDA_INVOCATION_CONTEXT", invocation_json(&server.arena, &server.invocation));
}

void variables_forget(void)
{
	list = NULL;
	count = 0;
}

const struct variable *variables(void)
{
	const struct settings *settings = server.settings;
	if (list != NULL) {
		return list;
	}
	list = arena_alloc(&server.arena, (server.request.header_count + MAX_OTHERS) * sizeof *list);
	add("GATEWAY_INTERFACE", "CGI/1.1");
	add("SERVER_SOFTWARE", "layersmith");
	add("DOCUMENT_ROOT", settings->document_root);
	add("SCRIPT_FILENAME", settings->script);
	add("SCRIPT_NAME", settings->script_name);
	if (server.has_request) {
		add_request(&server.request);
	} else {
		add("PHP_SELF", settings->script_name);
	}
	if (settings->is_worker) {
		add("FRANKENPHP_WORKER", "1");
	}
	add(NULL, NULL);
	return list;
}
