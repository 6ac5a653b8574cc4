#include "event.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yyjson.h>

#include "http.h"
#include "text.h"

/* PHP's own limit of input variables is 1000; servers accept about a hundred headers. */
#define MAX_HEADERS 500

static const char *text_of(struct arena *arena, yyjson_val *value)
{
	return yyjson_is_str(value) ? arena_text(arena, yyjson_get_str(value), yyjson_get_len(value)) : "";
}

static const char *text_at(struct arena *arena, yyjson_val *object, const char *key)
{
	return text_of(arena, yyjson_obj_get(object, key));
}

const char *request_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcmp(request->headers[i].name, name) == 0) {
			return request->headers[i].value;
		}
	}
	return "";
}

/*
 * Do the properties of a request tell of something else? Authorizers of API Gateway decide about a request; agents of Bedrock and
 * WebSockets speak of HTTP, too.
 */
static bool is_about_request(yyjson_val *event, yyjson_val *context)
{
	return yyjson_obj_get(event, "methodArn") != NULL || yyjson_obj_get(event, "routeArn") != NULL || yyjson_obj_get(event, "agent") != NULL ||
	       yyjson_obj_get(context, "connectionId") != NULL;
}

/*
 * The format of an event; `version` is missing in REST's events. One with `httpMethod` but without a context is a test event
 * that somebody wrote.
 */
static enum event_format format_of(yyjson_val *event)
{
	yyjson_val *context = yyjson_obj_get(event, "requestContext");
	yyjson_val *http = yyjson_obj_get(context, "http");
	if (is_about_request(event, context)) {
		return EVENT_OTHER;
	}
	if (yyjson_is_str(yyjson_obj_get(http, "method"))) {
		return EVENT_V2;
	}
	if (!yyjson_is_str(yyjson_obj_get(event, "httpMethod"))) {
		return EVENT_OTHER;
	}
	if (yyjson_is_obj(yyjson_obj_get(context, "elb"))) {
		return yyjson_is_obj(yyjson_obj_get(event, "multiValueHeaders")) ? EVENT_ALB_MULTI : EVENT_ALB;
	}
	return EVENT_V1;
}

/*
 * A name that becomes a variable of its own. Web servers drop others: with underscores, `x_forwarded_for` would become the same
 * variable as `x-forwarded-for`.
 */
static bool is_header_name(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!is_alphanumeric((unsigned char)name[i]) && name[i] != '-') {
			return false;
		}
	}
	return length > 0;
}

/*
 * Headers that PHP does not get: those of the connection to the server, the length, which is that of the body after decoding, and `proxy`,
 * which programs would take for their proxy as HTTP_PROXY (https://httpoxy.org).
 */
static bool is_dropped(const char *name)
{
	return is_connection_header(name) || strcmp(name, "content-length") == 0 || strcmp(name, "proxy") == 0;
}

/* Values of one header, in one. A line break, which no header can have, becomes a space. */
static const char *joined(struct arena *arena, const char *name, yyjson_val *values)
{
	const char *separator = strcmp(name, "cookie") == 0 ? "; " : ", ";
	char *result = NULL;
	if (yyjson_is_arr(values) && yyjson_arr_size(values) > 0) {
		struct bytes all = { 0 };
		size_t index, count;
		yyjson_val *value;
		yyjson_arr_foreach(values, index, count, value) {
			bytes_add_text(&all, index == 0 ? "" : separator);
			bytes_add_text(&all, yyjson_is_str(value) ? yyjson_get_str(value) : "");
		}
		result = arena_text(arena, all.data, all.length);
		bytes_free(&all);
	} else if (yyjson_is_str(values)) {
		result = arena_text(arena, yyjson_get_str(values), yyjson_get_len(values));
	}
	for (char *at = result; at != NULL && *at != '\0'; at++) {
		if (*at == '\r' || *at == '\n') {
			*at = ' ';
		}
	}
	return result;
}

static void read_headers(struct arena *arena, yyjson_val *event, struct http_request *request)
{
	yyjson_val *multi = yyjson_obj_get(event, "multiValueHeaders");
	yyjson_val *from = yyjson_is_obj(multi) ? multi : yyjson_obj_get(event, "headers");
	size_t room = yyjson_obj_size(from), index, count;
	if (room > MAX_HEADERS) {
		room = MAX_HEADERS;
	}
	struct http_header *headers = arena_alloc(arena, (room + 1) * sizeof *headers);
	request->headers = headers;
	request->header_count = 0;
	yyjson_val *key, *values;
	yyjson_obj_foreach(from, index, count, key, values) {
		const char *raw = yyjson_get_str(key);
		if (request->header_count >= room || !is_header_name(raw, yyjson_get_len(key))) {
			continue;
		}
		char *name = arena_text(arena, raw, yyjson_get_len(key));
		for (char *at = name; *at != '\0'; at++) {
			*at = (char)tolower((unsigned char)*at);
		}
		const char *value = joined(arena, name, values);
		/* The same name in another case. */
		if (is_dropped(name) || value == NULL || *request_header(request, name) != '\0') {
			continue;
		}
		headers[request->header_count++] = (struct http_header){ .name = name, .value = value };
	}
}

/* Joins `name=value` pairs. API Gateway decodes them, so that they are encoded again; a load balancer leaves them as they were sent. */
static const char *query_of(struct arena *arena, yyjson_val *event, bool encode)
{
	yyjson_val *multi = yyjson_obj_get(event, "multiValueQueryStringParameters");
	yyjson_val *from = yyjson_is_obj(multi) ? multi : yyjson_obj_get(event, "queryStringParameters");
	struct bytes query = { 0 };
	size_t index, count;
	yyjson_val *key, *values;
	yyjson_obj_foreach(from, index, count, key, values) {
		yyjson_val *value = yyjson_is_arr(values) ? yyjson_arr_get_first(values) : values;
		for (size_t left = yyjson_is_arr(values) ? yyjson_arr_size(values) : 1; left > 0; left--) {
			if (query.length > 0) {
				bytes_add_text(&query, "&");
			}
			if (encode) {
				add_encoded(&query, yyjson_get_str(key), yyjson_get_len(key));
			} else {
				bytes_add(&query, yyjson_get_str(key), yyjson_get_len(key));
			}
			if (yyjson_is_str(value)) {
				bytes_add_text(&query, "=");
				if (encode) {
					add_encoded(&query, yyjson_get_str(value), yyjson_get_len(value));
				} else {
					bytes_add(&query, yyjson_get_str(value), yyjson_get_len(value));
				}
			}
			value = unsafe_yyjson_get_next(value);
		}
	}
	const char *text = query.length > 0 ? arena_text(arena, query.data, query.length) : "";
	bytes_free(&query);
	return text;
}

/* The cookies of format 2.0 are not among its headers. */
static const char *cookies_of(struct arena *arena, yyjson_val *event, const struct http_request *request)
{
	yyjson_val *cookies = yyjson_obj_get(event, "cookies");
	if (yyjson_is_arr(cookies) && yyjson_arr_size(cookies) > 0) {
		return joined(arena, "cookie", cookies);
	}
	return request_header(request, "cookie");
}

static const char *context_of(struct arena *arena, yyjson_val *event)
{
	size_t length;
	yyjson_val *context = yyjson_obj_get(event, "requestContext");
	if (context == NULL) {
		return "";
	}
	/* The program already has what writes such a document. */
	yyjson_mut_doc *document = must(yyjson_mut_doc_new(NULL));
	yyjson_mut_doc_set_root(document, yyjson_val_mut_copy(document, context));
	char *json = must(yyjson_mut_write(document, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &length));
	const char *text = arena_text(arena, json, length);
	free(json);
	yyjson_mut_doc_free(document);
	return text;
}

/* A load balancer puts the address that it saw at the end; what stands before it, the client said. */
static const char *last_of(const char *list)
{
	const char *comma = strrchr(list, ',');
	return comma == NULL ? list : comma + 1 + strspn(comma + 1, " ");
}

static const char *read_body(struct arena *arena, yyjson_val *event, struct http_request *request)
{
	yyjson_val *body = yyjson_obj_get(event, "body");
	request->body = "";
	request->body_length = 0;
	if (!yyjson_is_str(body)) {
		return NULL;
	}
	size_t length = yyjson_get_len(body);
	if (!yyjson_is_true(yyjson_obj_get(event, "isBase64Encoded"))) {
		request->body = arena_text(arena, yyjson_get_str(body), length);
		request->body_length = length;
		return NULL;
	}
	char *bytes = arena_alloc(arena, length + 1);
	if (!decode_base64(yyjson_get_str(body), length, bytes, &request->body_length)) {
		return "`body` is not valid base64, as `isBase64Encoded` says";
	}
	bytes[request->body_length] = '\0';
	request->body = bytes;
	return NULL;
}

/* A method is a token: it becomes REQUEST_METHOD, and part of log lines. */
static bool is_method(const char *method)
{
	return *method != '\0' && strlen(method) < 32 && strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_") == strlen(method);
}

static const char *read_request(struct arena *arena, yyjson_val *event, struct http_request *request)
{
	yyjson_val *context = yyjson_obj_get(event, "requestContext");
	yyjson_val *http = yyjson_obj_get(context, "http");
	bool is_v2 = request->format == EVENT_V2;
	read_headers(arena, event, request);
	request->method = is_v2 ? text_at(arena, http, "method") : text_at(arena, event, "httpMethod");
	if (!is_method(request->method)) {
		return "the method is not a valid HTTP method";
	}
	request->path = encoded_path(arena, is_v2 ? text_at(arena, event, "rawPath") : text_at(arena, event, "path"));
	request->query = is_v2 ? text_at(arena, event, "rawQueryString") : query_of(arena, event, request->format == EVENT_V1);
	request->uri = *request->query == '\0' ? request->path : arena_format(arena, "%s?%s", request->path, request->query);
	request->protocol = is_v2 ? text_at(arena, http, "protocol") : text_at(arena, context, "protocol");
	if (strncmp(request->protocol, "HTTP/", 5) != 0) {
		request->protocol = "HTTP/1.1";
	}
	if (is_v2) {
		request->source_ip = text_at(arena, http, "sourceIp");
	} else if (request->format == EVENT_V1) {
		request->source_ip = text_at(arena, yyjson_obj_get(context, "identity"), "sourceIp");
	} else {
		request->source_ip = last_of(request_header(request, "x-forwarded-for"));
	}
	request->host = request_header(request, "host");
	if (*request->host == '\0') {
		request->host = text_at(arena, context, "domainName");
	}
	const char *proto = last_of(request_header(request, "x-forwarded-proto"));
	request->https = *proto == '\0' ? request->format == EVENT_V1 || is_v2 : strcasecmp(proto, "https") == 0;
	request->port = last_of(request_header(request, "x-forwarded-port"));
	if (*request->port == '\0' || strspn(request->port, "0123456789") != strlen(request->port)) {
		request->port = request->https ? "443" : "80";
	}
	request->cookies = cookies_of(arena, event, request);
	request->content_type = request_header(request, "content-type");
	request->context = context_of(arena, event);
	return read_body(arena, event, request);
}

const char *event_read(struct arena *arena, const char *event, size_t length, struct http_request *request)
{
	yyjson_doc *document = yyjson_read(event, length, YYJSON_READ_ALLOW_INVALID_UNICODE | YYJSON_READ_NUMBER_AS_RAW);
	*request = (struct http_request){ .format = EVENT_OTHER };
	if (document == NULL) {
		return "the event is not valid JSON";
	}
	yyjson_val *root = yyjson_doc_get_root(document);
	request->format = format_of(root);
	const char *problem = request->format == EVENT_OTHER ? NULL : read_request(arena, root, request);
	yyjson_doc_free(document);
	return problem;
}
